"""Calls of every public constructor of the builder, with sound values, unlikely ones, and values of the wrong kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from isthmus_sdk.stix import Builder, Capability, Interface, Reference, Rule, Service, Shape, Software, Subject

AT = "2024-05-01T10:00:00.000Z"
IDS = [f"{kind}--aaaaaaaa-0000-{version}000-8000-aaaaaaaaaaaa" for kind, version in (
    ("infrastructure", 5), ("identity", 5), ("location", 5), ("ipv4-addr", 5), ("file", 5), ("user-account", 5),
    ("process", 4), ("email-addr", 5), ("observed-data", 5), ("relationship", 5), ("sighting", 5), ("indicator", 5),
    ("malware", 5), ("vulnerability", 5), ("marking-definition", 5), ("x-custom", 5), ("note", 5),
)]  # fmt: skip


def builder() -> Builder:
    return Builder(source_id="cmc-north", connector="nozomi-guardian", observed_at=AT)


_STIX = builder()
_SHAPES: list[Shape] = [
    _STIX.ip("10.0.0.1"), _STIX.mac("001b1baabbcc"), _STIX.system("Sensor"), _STIX.asset("a", name="A"), _STIX.file("x.exe"),
    _STIX.user_account("ann"), _STIX.process("p", pid=4), _STIX.location(country="de"), _STIX.email_address("a@x.example"),
    _STIX.observed([_STIX.ip("10.0.0.1")], first_observed=AT), _STIX.malware("Industroyer"), _STIX.domain("x.example"),
]  # fmt: skip

unlikely_text = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="\x00\x1b\u202e\u00e4\U0001f525\ufffd\t\n '\"\\<>&%[]()=:-", max_size=12),
    st.sampled_from(["", " ", "-", "None", "\ud800", "x" * 70_000, "CVE-2024-0001", "CVE-1", "CAPEC-1", "0", "\u0661", "'; DROP", "../..", "%s"]),
)  # fmt: skip
wrong_kind = st.sampled_from(
    [None, True, False, 0, -1, 10**30, 10**5000, 1.5, float("nan"), float("inf"), b"bytes", [], {}, (), [None], [[]], {"a": 1}, object(), {1: 2}]
)  # fmt: skip
times = st.one_of(
    st.integers(0, 4_000_000_000),
    st.datetimes().map(str),
    st.sampled_from([AT, "2024-05-01T10:00:00.123456789Z", "0001-01-01T00:00:00Z", 0, -1, "", "soon", 10**40, 2**63 - 1, "9999-12-31T23:59:59Z"]),
)  # fmt: skip
referents: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(IDS), st.sampled_from(_SHAPES), st.sampled_from(_SHAPES).map(lambda shape: shape.object),
    st.sampled_from(["x", "", "ipv4-addr--1", {}, {"id": 5}]),
)  # fmt: skip
addresses = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["10.0.0.1:502", "fe80::1%eth0", "010.0.0.1", "0.0.0.0", "10.0.0.0/8", "host"]),
)
macs = st.sampled_from(
    ["00-1B-1B-AA-BB-CC", "001b1baabbcc", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "zz", "0011223344556677"]
)
texts = st.one_of(st.sampled_from(["PLC 17", "Siemens AG", "Cell 3", "pumps"]), unlikely_text)
numbers = st.one_of(st.integers(-2, 70_000), st.floats(0, 100), st.sampled_from(["5", "0", 2**53, 10**20, 0.5]))


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(items, max_size=3), items)


def built(struct: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: _or_nothing(struct, given))


def _or_nothing(struct: Any, given: dict[str, Any]) -> Any:
    try:
        return struct(**given)
    except TypeError:  # a required field is missing
        return None


def loose(sound: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly sound values, now and then one of another kind."""
    return st.one_of(sound, sound, sound, wrong_kind)


software = st.one_of(texts, built(Software, name=loose(texts), vendor=loose(texts), version=loose(texts), cpe=loose(st.sampled_from(["cpe:/a:x:y:1", "cpe:2.3:a:x", "cpe"]))))  # fmt: skip
hashes = st.dictionaries(st.sampled_from(["md5", "SHA-256", "sha1", "x y", "TLSH"]), loose(st.sampled_from(["a" * 32, "A" * 64, "b" * 40, "zz", ""])), max_size=3)  # fmt: skip
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("source", "target", "of", "asset", "image", "user", "parent", "whole", "part", "location", "sender"), referents),
    **dict.fromkeys(("where", "observed", "objects", "about", "observables", "recipients"), several(referents)),
    **dict.fromkeys(("first_seen", "last_seen", "created", "modified", "start", "end", "start_time", "stop_time", "first_observed",
                     "last_observed", "published", "valid_from", "valid_until", "last_login", "not_before", "not_after", "sent"), times),
    **dict.fromkeys(("roles", "labels", "monitored_by", "tactics", "aliases", "goals", "authors", "sectors", "malware_types", "tool_types",
                     "actor_types", "indicator_types", "report_types", "protocols"), several(texts)),
    **dict.fromkeys(("port", "source_port", "target_port", "pid", "size", "count", "number", "bytes_out", "bytes_in", "packets_out",
                     "packets_in", "criticality", "severity", "cvss", "epss", "confidence", "latitude", "longitude"), numbers),
    **dict.fromkeys(("kev", "is_family", "is_privileged", "is_disabled", "is_service_account"), st.booleans()),
    "sensor": st.one_of(referents, texts),
    "ip": addresses,
    "mac": macs,
    "cve": st.sampled_from(["cve-2024-0001", "CVE-2024-00012", "TVM-1", ""]),
    "state": st.sampled_from(["open", "resolved", "accepted", "bad"]),
    "likelihood": st.sampled_from(["confirmed", "likely", "sure"]),
    "status": st.sampled_from(["open", "closed", "NEW"]),
    "technology": st.sampled_from(["OT", "it", "space"]),
    "asset_class": st.one_of(st.sampled_from(["plc", "firewall"]), texts),
    "purdue_level": st.sampled_from(["Level 1", 3.5, "DMZ", "9", ["1", "2"]]),
    "identity_class": st.sampled_from(["individual", "group", "organization", "human"]),
    "relationship_type": st.sampled_from(["uses", "Uses!", "related-to"]),
    "type": st.sampled_from(["uses", "Uses!", "related-to", "duplicate-of", ""]),
    "techniques": several(st.sampled_from(["T0843", "T1046.001", "TA0001", ""])),
    "identifiers": several(st.one_of(st.tuples(texts, texts), st.dictionaries(st.sampled_from(["kind", "value"]), texts), texts)),
    "interfaces": several(built(Interface, mac=loose(macs), ips=loose(several(addresses)), name=loose(texts), vlan=loose(texts), site=loose(texts), zone=loose(texts), sensor=loose(texts))),
    "services": several(built(Service, protocol=loose(texts), transport=loose(texts), port=loose(numbers), function_codes=loose(several(numbers)))),
    "subjects": several(built(Subject, ref=loose(referents), role=loose(texts))),
    "rule": built(Rule, id=loose(texts), name=loose(texts), pattern=loose(st.sampled_from(["[ipv4-addr:value = '1.1.1.1']", "[x", "alert tcp"])), pattern_type=loose(st.sampled_from(["stix", "snort", "sigma"]))),
    "capabilities": several(built(Capability, function=st.sampled_from(["detect", "see"]), data_components=loose(several(texts)), fidelity=loose(numbers))),
    "references": several(st.one_of(built(Reference, source_name=loose(texts), external_id=loose(texts), url=loose(st.sampled_from(["https://x.example", "no url"])), description=loose(texts)), st.dictionaries(st.sampled_from(["source_name", "url", "x"]), texts))),
    "window": several(st.fixed_dictionaries({}, optional={"start": loose(times), "seconds": loose(numbers), "part": loose(texts), "connections": loose(numbers), "odd": numbers})),
    "os": software, "firmware": software, "software": several(software), "hashes": hashes,
    "values": st.dictionaries(texts, loose(texts), max_size=2),
    "extensions": st.sampled_from([{}, {"x": 1}, {"extension-definition--aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa": {"extension_type": "property-extension", "abc": 1}}]),
    "pattern": st.sampled_from(["[ipv4-addr:value = '1.1.1.1']", "[x", "", "[file:name = 'a' AND file:size > 5]"]),
    "pattern_type": st.sampled_from(["stix", "stix", "yara", "odd"]),
    "account_type": st.sampled_from(["unix", "windows-domain", "okta"]),
    "country": st.sampled_from(["de", "Germany", "xx"]),
    "made": st.sampled_from(_SHAPES),
    "tlp": st.sampled_from(["amber", "amber+strict", "AMBER"]),
    "vantage": texts,
    "mime_type": st.sampled_from(["text/plain", "nonsense", "application/x-dosexec"]),
}  # fmt: skip
BY_METHOD = {
    ("ip", "value"): addresses, ("mac", "value"): macs,
    ("domain", "value"): st.sampled_from(["Example.COM.", "x_y.example", "a..b", "-a.example", "münchen.example", "a" * 64]),
    ("url", "value"): st.sampled_from(["https://x.example/a b", "hxxps://x[.]example", "HTTP://X.example/%zz", "x", "http://", "http://[::1]:80/{a}", "mailto:a@x.example", "https://ä.example/ü"]),
    ("email_address", "value"): st.sampled_from(["a@x.example", "Ann <ann@X.example>", "a b@x", "@", "ä@x.example", "a@" + "x" * 400]),
}  # fmt: skip
COMMON = {name: loose(BY_NAME.get(name, texts)) for name in (
    "external_id", "catalogue", "description", "aliases", "labels", "references", "created", "modified", "no_such_argument",
)}  # fmt: skip


def constructors() -> list[str]:
    """Names of all public methods that give a shape."""
    return sorted(
        name
        for name, method in inspect.getmembers(Builder, inspect.isfunction)
        if not name.startswith("_") and str(inspect.signature(method).return_annotation).rsplit(".", 1)[-1] == "Shape"
    )


@st.composite
def call(draw: st.DrawFn, name: str) -> Callable[[Builder], Shape]:
    """One call: each argument that must be given, and some of the others."""
    given: dict[str, Any] = {}
    for parameter in inspect.signature(getattr(Builder, name)).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            given |= draw(st.fixed_dictionaries({}, optional=COMMON))
        elif parameter.default is parameter.empty or draw(st.booleans()):
            sound = BY_METHOD.get((name, parameter.name), BY_NAME.get(parameter.name, texts))
            given[parameter.name] = draw(sound if draw(st.integers(0, 9)) else wrong_kind)
    return Call(name, given)


class Call:
    """A call that shows itself in a failing test."""

    def __init__(self, name: str, given: dict[str, Any]) -> None:
        self.name, self.given = name, given

    def __call__(self, stix: Builder) -> Shape:
        made: Shape = getattr(stix, self.name)(**self.given)
        return made

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r:.200}' for name, value in self.given.items() if not isinstance(value, int) or abs(value) < 10**99)})"
