"""Firewall logs in one form, whichever way they come: names and texts as PAN-OS's own log query gives them.

Four forms are read (PAN-OS administrator's guide, "Syslog Field Descriptions"; "Common Event Format Configuration Guide"):
the result of a log query as JSON; CEF as the guide's template writes it, and as Strata Logging Service does; the comma-separated
form that a firewall sends by itself; each bare or inside a syslog message.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.push import cef_to_json

_HEAD = (
    "- receive_time serial type subtype - time_generated src dst natsrc natdst rule srcuser dstuser app vsys from to inbound_if "
    "outbound_if logset - sessionid repeatcnt sport dport natsport natdport flags proto action "
)
COLUMNS = {
    "TRAFFIC": (
        _HEAD
        + "bytes bytes_sent bytes_received packets start elapsed category - seqno actionflags srcloc dstloc - pkts_sent "
        "pkts_received session_end_reason dg_hier_level_1 dg_hier_level_2 dg_hier_level_3 dg_hier_level_4 vsys_name device_name "
        "action_source"
    ).split(),
    "THREAT": (
        _HEAD
        + "misc threatid category severity direction seqno actionflags srcloc dstloc - contenttype pcap_id filedigest cloud "
        "url_idx user_agent filetype xff referer sender subject recipient reportid dg_hier_level_1 dg_hier_level_2 dg_hier_level_3 "
        "dg_hier_level_4 vsys_name device_name - src_uuid dst_uuid http_method tunnelid monitortag parent_session_id "
        "parent_start_time tunnel thr_category"
    ).split(),
}
"""Columns of a firewall's own form, since PAN-OS 8; newer versions add others behind them. ``-``: reserved."""
_FEWEST = 30
_OF_KEY = {
    "src": "src", "dst": "dst", "spt": "sport", "dpt": "dport", "proto": "proto", "act": "action", "app": "app",
    "in": "bytes_sent", "out": "bytes_received", "cnt": "repeatcnt", "rt": "receive_time", "start": "time_generated",
    "deviceExternalId": "serial", "dvchost": "device_name", "externalId": "seqno", "suser": "srcuser", "duser": "dstuser",
    "request": "misc", "fileHash": "filedigest", "fname": "misc", "reason": "session_end_reason", "dtz": "dtz",
    "PanOSPacketsSent": "pkts_sent", "PanOSPacketsReceived": "pkts_received", "PanOSThreatCategory": "thr_category",
    "PanOSThreatID": "tid", "PanOSSeverity": "severity", "PanOSDirectionOfAttack": "direction",
    "PanOSTimeGeneratedHighResolution": "high_res_timestamp", "PanOSSourceHostname": "src_host", "shost": "src_host",
    "dhost": "dst_host", "smac": "src_mac", "dmac": "dst_mac",
}  # fmt: skip
"""CEF keys by what they hold. ``in`` is what the client sent: the guide's template counts from the server's side."""
_OF_LOGGING_SERVICE = {
    "in": "bytes_received", "out": "bytes_sent", "suser0": "srcuser", "duser0": "dstuser", "PanOSSourceDeviceHost": "src_host",
    "PanOSSourceDeviceMac": "src_mac", "PanOSDestinationDeviceHost": "dst_host", "PanOSDestinationDeviceMac": "dst_mac",
    "PanOSX-Forwarded-ForIP": "xff",
}  # fmt: skip
"""Keys that Strata Logging Service (product ``LF``) has alone, or for other things: it counts from the client's side."""
_OF_LABEL = {
    "rule": "rule", "virtualsystem": "vsys", "virtuallocation": "vsys", "sourcezone": "from", "fromzone": "from",
    "destinationzone": "to", "tozone": "to", "sessionid": "sessionid", "urlcategory": "category", "direction": "direction",
    "elapsedtimeinseconds": "elapsed", "packets": "packets", "totalbytes": "bytes", "threatcategory": "thr_category",
    "sourceipvaddress": "src", "destinationipvaddress": "dst",
}  # fmt: skip
"""Fields that CEF numbers (``cs4``) by the label beside them (``cs4Label``)."""
_KINDS = ("TRAFFIC", "THREAT")
_PRECISE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
_NAMED = re.compile(r"(.*)\((\d+)\)", re.DOTALL)
_LETTERS = re.compile(r"[^a-z]")
_TABLE = msgspec.json.Decoder(dict[str, Any])


def unwrapped(raw: bytes) -> bytes:
    """A log as JSON with PAN-OS's names, from any of the forms. Raises ``RecordError`` for what is none of them."""
    if b'"message"' not in raw and b'"extension"' not in raw and b'"#text"' not in raw:
        return raw
    record = _TABLE.decode(raw)
    if "message" in record and "type" not in record:
        record = of_message(str(record["message"] or ""))
    if isinstance(record.get("extension"), dict):
        record = _of_cef(record)
    return msgspec.json.encode({name: _text(value) for name, value in record.items()})


def of_message(text: str) -> dict[str, Any]:
    """What a syslog message carries: CEF (as `cef_to_json` gives it), JSON, or a firewall's own form."""
    bare = text.strip()
    if "CEF:" in bare:
        return _TABLE.decode(cef_to_json(bare.encode("utf-8", "replace")))
    if bare.startswith("{"):
        try:
            return _TABLE.decode(bare)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RecordError(f"is no log: {error}") from None
    return _of_columns(bare)


def threat_of(name: str | None, number: str | None) -> tuple[str | None, str | None]:
    """Name and number of a threat, which PAN-OS writes as one: ``Port Scan(8001)``."""
    if number and (twice := _NAMED.fullmatch(number)):
        number = twice[2]  # Strata Logging Service writes 27379(27379)
    found = _NAMED.fullmatch(name or "")
    if found is None:
        return (None, name) if name and name.isdecimal() and not number else (name, number)
    return found[1].strip() or None, number or found[2]


def _of_columns(text: str) -> dict[str, str]:
    try:
        (values,) = csv.reader([text.replace("\r", " ").replace("\n", " ")])
    except (csv.Error, ValueError):
        values = []
    kind = values[3].upper() if len(values) > 3 else ""
    if kind not in COLUMNS:
        if len(values) >= _FEWEST and kind.isalpha():
            return {"type": kind}
        raise RecordError("is no log of PAN-OS: neither CEF, JSON nor a firewall's own comma-separated form")
    if len(values) < _FEWEST:
        raise RecordError(f"is cut short: {len(values)} columns of a {kind} log")
    record = dict(zip(COLUMNS[kind], values, strict=False))
    del record["-"]
    precise = next((value for value in values[len(COLUMNS[kind]) :] if _PRECISE.fullmatch(value)), None)
    return {**record, **({"high_res_timestamp": precise} if precise else {})}


def _of_cef(record: dict[str, Any]) -> dict[str, Any]:
    """Header and keys under PAN-OS's names. Which of the header's fields is the type depends on the template."""
    words = [str(record.get(name) or "") for name in ("signature_id", "name")]
    kind = next((word.upper() for word in words if word.upper() in _KINDS), words[1].upper())
    made: dict[str, Any] = {
        "type": kind,
        "subtype": next((word.lower() for word in words if word.upper() != kind), ""),
        "severity": record.get("severity"),
    }
    fields: dict[str, str] = record["extension"]
    keys = _OF_KEY | _OF_LOGGING_SERVICE if record.get("device_product") == "LF" else _OF_KEY
    for key, value in fields.items():
        name = keys.get(key)
        if name is None and (label := fields.get(f"{key}Label")):
            name = _of_label(label)
            if made.get(name or ""):
                continue  # what has a key of its own is told there
        if name and (value or name not in made):
            made[name] = _unquoted(value)
    if "cat" in fields:
        made["threatid" if kind == "THREAT" else "action_source"] = _unquoted(fields["cat"])
    return made


@lru_cache(maxsize=256)
def _of_label(label: str) -> str | None:
    return _OF_LABEL.get(_LETTERS.sub("", label.lower()))


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _text(value: Any) -> Any:
    """The text of what was an XML element with attributes."""
    return value.get("#text") if isinstance(value, dict) else value
