"""Firewall logs as communications and alerts. Pure: no clock, no state; what a log does not say is not said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from isthmus_connectors.paloalto.models import Threat, Traffic
from isthmus_connectors.paloalto.panos import threat_of
from isthmus_sdk.errors import Ignored, RecordError, SettingsError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Reference, Rule, Shape, Subject, normalise, time_zone, timestamp
from isthmus_sdk.summarise import Flow

if TYPE_CHECKING:
    from isthmus_connectors.paloalto.connector import PaloAltoSettings

NOT_RECOGNISED = frozenset(
    {"incomplete", "insufficient-data", "not-applicable", "non-syn-tcp", "unknown-tcp", "unknown-udp", "unknown-p2p", "unknown"}
)  # fmt: skip
"""What App-ID says where it recognised nothing."""
_APPLICATIONS = {"cip-ethernet-ip": "enip"}
"""App-IDs of protocols under the names that other sources have for them."""
MODBUS_FUNCTIONS = {
    "read-coils": 1, "read-discrete-inputs": 2, "read-holding-registers": 3, "read-input-registers": 4,
    "write-single-coil": 5, "write-single-register": 6, "write-multiple-coils": 15, "write-multiple-registers": 16,
    "read-file-record": 20, "write-file-record": 21, "mask-write-register": 22, "read-write-register": 23,
    "read-fifo-queue": 24, "encapsulated-transport": 43,
}  # fmt: skip
"""Function codes of Modbus by the App-IDs of its functions (``modbus-read-coils``)."""
SEVERITIES = {
    "informational": 10, "low": 30, "medium": 50, "high": 70, "critical": 90, "1": 10, "2": 30, "3": 50, "4": 70, "5": 90,
}  # fmt: skip
"""PAN-OS's severities, as words and as CEF numbers them."""
_LET_PASS = frozenset({"", "allow", "alert", "allowed"})
_BROWSING = frozenset({"", "allow", "alert", "continue"})
_URL_FILTERING = "9999"
"""Number that PAN-OS gives to everything that URL filtering says; the category tells what it is."""
_HARMFUL = frozenset(
    {"malware", "malware-sites", "command-and-control", "phishing", "phishing-and-other-frauds", "ransomware", "grayware",
     "bot-nets", "spyware-and-adware", "keyloggers-and-monitoring", "compromised-website", "scanning-activity"}
)  # fmt: skip
"""URL categories that are a threat by themselves: URL filtering calls these informational, too."""
_FORWARDED = "x-fwd-for:"
"""What stands before an address in place of a user, where the firewall logs who is behind a proxy."""
_LEADING_ZERO = re.compile(r"(?:^|\.)0\d")
_OCTETS = re.compile(r"\d{1,4}(?:\.\d{1,4}){3}")
_DIGEST = {32: "MD5", 40: "SHA-1", 64: "SHA-256"}
_PROTOCOL = re.compile(r"[a-z0-9][a-z0-9._-]*")


def traffic_to_flow(log: Traffic, settings: PaloAltoSettings) -> Flow:
    """A session: who opened it, who answered, what App-ID recognised, how much was said.

    A session is counted where it ends. Its start tells of the communication at once and counts nothing, so that sites which
    log both count each session once.
    """
    if log.type.upper() != "TRAFFIC":
        raise Ignored(_other(log.type))
    if log.src is None or log.dst is None:
        raise RecordError("the log has no address", path="src" if log.src is None else "dst")
    if log.subtype in ("drop", "deny") or (log.action or "").lower() not in _LET_PASS:
        raise Ignored("the firewall did not let it pass")
    started = log.subtype == "start"
    received = _count(log.pkts_received, "pkts_received")
    protocol, code = spoken(log.app)
    if log.app == "incomplete" and not started and not received:
        raise Ignored("TCP attempt that nobody answered")
    return Flow(
        source=address(log.src),
        target=address(log.dst),
        sensor=settings.sensor or log.device_name or log.serial,
        protocol=protocol,
        transport=log.proto.lower() if log.proto else None,
        port=_count(log.dport, "dport") or None,
        function_code=code,
        at=_seconds(_moment(log, settings)),
        bytes_out=0 if started else _count(log.bytes_sent, "bytes_sent"),
        bytes_in=0 if started else _count(log.bytes_received, "bytes_received"),
        packets_out=0 if started else _count(log.pkts_sent, "pkts_sent"),
        packets_in=0 if started else received,
        count=0 if started else _count(log.repeatcnt, "repeatcnt") or 1,
    )


def threat_to_stix(log: Threat, stix: Builder, settings: PaloAltoSettings) -> Iterator[Shape]:
    """What a security profile found, as a sighting of its signature about the two ends of the session.

    Serial number of the firewall and sequence number of the log make its id: a log query, syslog and a log collector that
    forwards tell of the same alert.
    """
    if log.type.upper() != "THREAT":
        raise Ignored(_other(log.type))
    severity = _severity(log.severity)
    action = (log.action or "").lower()
    browsed = log.category if log.subtype == "url" else None
    if (
        log.subtype == "url"
        and action in _BROWSING
        and (severity or 0) <= SEVERITIES["informational"]
        and (browsed or "").lower() not in _HARMFUL
    ):
        raise Ignored("URL filtering that let pass what is no threat")
    moment = _moment(log, settings)
    name, number = threat_of(log.threatid, log.tid)
    known = "URL filtering" if number == _URL_FILTERING else name
    title = (
        name or (f"{known}: {browsed}" if known and browsed else known) or log.thr_category or log.subtype or "threat"
    )
    sensor = settings.sensor or log.device_name or log.serial
    ends = _ends(log, sensor, stix)
    yield stix.alert(
        _native_id(log, moment, number or name),
        title=title,
        severity=severity,
        vendor_severity=log.severity,
        vendor_status=log.action,
        category=log.thr_category or browsed or log.subtype,
        rule=Rule(f"threat-{number}", known or title) if number else None,
        first_seen=moment,
        modified=moment,
        count=_count(log.repeatcnt, "repeatcnt") or 1,
        sensor=stix.system(sensor or "PAN-OS"),
        subjects=[Subject(end, role) for role, end in ends],
        observables=[*_session(log, stix), *_found(log, stix), *_users(log, stix)],
        references=[Reference("pan-os-rule", external_id=log.rule)] if log.rule else (),
    )


@lru_cache(maxsize=4_096)
def spoken(app: str | None) -> tuple[str | None, int | None]:
    """Protocol and function code that an App-ID stands for; ``modbus-base`` is the protocol itself."""
    name = (app or "").lower()
    if not name or name in NOT_RECOGNISED:
        return None, None
    if name.startswith("modbus-") and (code := MODBUS_FUNCTIONS.get(name.removeprefix("modbus-"))) is not None:
        return "modbus", code
    name = name.removesuffix("-base")
    return _APPLICATIONS.get(name, name), None


def address(text: str) -> str:
    """An address without leading zeroes, where its octets mean the same in octal and in decimal.

    Others are left as they are, and refused: ``192.168.010.1`` may be two addresses.
    """
    if not _LEADING_ZERO.search(text):
        return text
    found = _without_zeroes(text)
    return text if found == text else found  # the log's own text, so that a refusal names its field


@lru_cache(maxsize=4_096)
def _without_zeroes(text: str) -> str:
    if not _OCTETS.fullmatch(text):
        return text
    octets = []
    for octet in text.split("."):
        if octet.startswith("0") and set(octet) <= set("01234567") and int(octet, 8) != int(octet):
            return text
        octets.append(str(int(octet)))
    return ".".join(octets)


def zone_of(name: str) -> tzinfo:
    """A time zone. Raises ``ValueError`` for one that does not exist."""
    try:
        return time_zone(name)
    except SettingsError as error:
        raise ValueError(str(error)) from None


def _moment(log: Traffic | Threat, settings: PaloAltoSettings) -> str:
    """When the firewall wrote the log, as a canonical time. Raises ``RecordError``."""
    zone = _zone(log.dtz, settings.time_zone)
    for path in ("high_res_timestamp", "time_generated", "receive_time"):
        value: Any = getattr(log, path)
        if value in (None, ""):
            continue
        try:
            found = timestamp(value, zone=zone)
        except RecordError as error:
            raise RecordError(str(error), path=path) from None
        if found is not None:
            return found
    raise RecordError("the log has no time", path="time_generated")


@lru_cache(maxsize=64)
def _zone(told: str | None, wanted: str) -> tzinfo:
    """The zone that the log names, else that of the settings."""
    try:
        return time_zone(told) if told else time_zone(wanted)
    except SettingsError:
        return time_zone(wanted)


@lru_cache(maxsize=4_096)
def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _count(value: object, path: str) -> int:
    if value is None or value == "":
        return 0
    text = str(value).strip()
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise RecordError(f"{text[:40]!r} is not a count", path=path)
    return int(text)


def _other(kind: str) -> str:
    known = kind.upper()
    if known in ("TRAFFIC", "THREAT"):
        return f"{known}: read by the stream {'traffic' if known == 'TRAFFIC' else 'threats'}"
    return "a log of another type"


def _severity(told: str | None) -> int | None:
    word = (told or "").strip().lower()
    if word in SEVERITIES or not word:
        return SEVERITIES.get(word)
    return says(lambda text: normalise.severity(text, 10), word)


def _native_id(log: Threat, moment: str, threat: str | None) -> str:
    if log.serial and (log.seqno or "").strip("0"):  # old releases write 0 in every log
        return f"{log.serial}/threat/{log.seqno}"
    parts = (log.serial, "threat", moment, log.sessionid, log.src, log.sport, log.dst, log.dport, threat)
    return "/".join("" if part is None else str(part) for part in parts)


def _ends(log: Threat, sensor: str | None, stix: Builder) -> Iterator[tuple[str, Shape]]:
    """Where the threat came from and where it went: what a server sends goes to the client."""
    client = (log.src, log.from_zone, log.src_host, log.src_mac)
    server = (log.dst, log.to_zone, log.dst_host, log.dst_mac)
    towards_client = (log.direction or "").lower() in ("server-to-client", "server to client")
    roles = ("target", "source") if towards_client else ("source", "target")
    for role, (text, zone, host, mac) in sorted(zip(roles, (client, server), strict=True)):
        ip = says(normalise.ip, address(text)) if text else None
        if ip:
            yield (
                role,
                stix.endpoint(
                    ip, vantage=sensor or "", zone=zone, sensor=sensor, hostname=host, mac=says(normalise.mac, mac)
                ),
            )


def _session(log: Threat, stix: Builder) -> Iterator[Shape]:
    source, target = (says(normalise.ip, address(text)) if text else None for text in (log.src, log.dst))
    if source and target:
        protocols = ((log.proto or "").lower(), spoken(log.app)[0])
        names = [name for name in protocols if name and _PROTOCOL.fullmatch(name)]
        yield stix.traffic(
            stix.ip(source),
            stix.ip(target),
            dict.fromkeys(["ipv6" if ":" in source else "ipv4", *names]),
            source_port=log.sport,
            target_port=log.dport,
        )


def _found(log: Threat, stix: Builder) -> Iterator[Shape]:
    """The URL or the file that the threat was found in."""
    kind = _DIGEST.get(len(log.filedigest or ""))
    if kind or log.subtype in ("file", "virus", "wildfire", "wildfire-virus"):
        name = (log.misc or "").rsplit("/", 1)[-1] or None
        if name or kind:
            yield stix.file(name, hashes={kind: log.filedigest} if kind else None)
    elif log.misc and (url := says(normalise.url, log.misc if "://" in log.misc else None)):
        yield stix.url(url)
    elif log.misc and (domain := says(normalise.domain, log.misc.split("/", 1)[0].split(":", 1)[0])):
        yield stix.domain(domain)


def _users(log: Threat, stix: Builder) -> Iterator[Shape]:
    """Users, and the address behind a proxy, which PAN-OS gives in a field of its own or in place of the user."""
    told = dict.fromkeys(name for name in (log.srcuser, log.dstuser) if name)
    users = [name for name in told if not name.lower().startswith(_FORWARDED)]
    behind = [log.xff or "", *(name[len(_FORWARDED) :] for name in told if name not in users)]
    for user in users:
        yield stix.user_account(user)
    for ip in dict.fromkeys(
        found for text in behind for part in text.split(",") if (found := says(normalise.ip, part))
    ):
        yield stix.ip(ip)
