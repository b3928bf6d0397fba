"""Hundreds of spellings that vendors use, and what holds for any text: one spelling, no foreign error, linear time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.sdk.stix import spellings
from tests.sdk.stix.spellings import BROKEN

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._grammar import is_cpe, is_cve, is_domain, is_email, is_ipv4, is_ipv6, is_mac, is_uri

TABLES: dict[str, tuple[Callable[[Any], Any], spellings.Table]] = {
    "mac": (normalise.mac, spellings.MACS),
    "ip": (normalise.ip, spellings.IPS),
    "hostname": (normalise.hostname, spellings.HOSTS),
    "cpe": (normalise.cpe, spellings.CPES),
    "cve": (normalise.cve, spellings.CVES),
    "purdue_level": (normalise.purdue_level, spellings.LEVELS),
    "severity": (normalise.severity, spellings.SEVERITIES),
    "port": (normalise.port, spellings.PORTS),
    "protocol": (normalise.protocol, spellings.PROTOCOLS),
    "vendor": (normalise.vendor, spellings.VENDORS),
    "serial": (normalise.serial, spellings.SERIALS),
    "email": (normalise.email, spellings.MAILS),
    "url": (normalise.url, spellings.URLS),
}
CASES = [(name, value, expected) for name, (_, table) in TABLES.items() for value, expected in table]


def test_there_are_hundreds_of_spellings() -> None:
    assert len(CASES) > 450


@pytest.mark.parametrize(
    ("name", "value", "expected"), CASES, ids=lambda part: f"{part!r:.30}" if isinstance(part, str) else ""
)
def test_a_spelling(name: str, value: Any, expected: Any) -> None:
    rule = TABLES[name][0]
    if expected is BROKEN:
        with pytest.raises(RecordError) as refused:
            rule(value)
        assert len(str(refused.value)) < 250, "a message shows where to look, it does not repeat a payload"
    else:
        found = rule(value)
        assert found == expected
        assert type(found) is type(expected)


VALID: dict[str, Callable[[Any], bool]] = {
    "mac": is_mac,
    "ip": lambda text: is_ipv4(text) or is_ipv6(text),
    "cpe": is_cpe,
    "cve": is_cve,
    "purdue_level": normalise.PURDUE_LEVELS.__contains__,
    "severity": range(101).__contains__,
    "port": range(1, 65_536).__contains__,
    "email": is_email,
    "url": is_uri,
    "domain": is_domain,
}
RULES = {**{name: rule for name, (rule, _) in TABLES.items()}, "domain": normalise.domain, "text": normalise.text}
_pieces = sorted(
    {str(value)[:60] for _, value, _ in CASES} | set(":.-_/%[]()<>\\~*?@$ 0") | {"cpe:2.3:", "CVE-", "Level "}
)
anything = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from(_pieces), max_size=4).map("".join), st.integers(), st.floats(), st.none(), st.booleans(),
    st.binary(max_size=5), st.lists(st.text(max_size=3), max_size=2),
)  # fmt: skip


@pytest.mark.parametrize("name", RULES)
@given(value=anything)
@example(value="\ud800")
@example(value="a.$.<00>$")
def test_what_a_rule_gives_it_takes_and_gives_again(name: str, value: Any) -> None:
    rule = RULES[name]
    try:
        found = rule(value)
    except RecordError:
        return
    if found is not None:
        assert name not in VALID or VALID[name](found)
        assert rule(found) == found


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    "piece", ["a", "-", ":", ".", "1.", "\\", "%41", "aa:", "~", "(", " ", "\u0131", "CVE-2024-1", "é."]
)
def test_long_texts_are_refused_or_read_in_passing(name: str, piece: str) -> None:
    try:
        RULES[name](piece * 200_000)
    except RecordError as refused:
        assert len(str(refused)) < 250


@pytest.mark.parametrize(
    "nobodys",
    ["127.0.0.1", "::1", "169.254.7.9", "fe80::1%eth0", "224.0.0.251", "ff02::1", "255.255.255.255", "0.0.0.0", ""],
)
def test_an_address_by_which_no_device_can_be_met_is_not_its_own(nobodys: str) -> None:
    assert normalise.own_ip(nobodys) is None


def test_a_devices_own_address_is_normalised_and_a_broken_one_is_refused() -> None:
    assert normalise.own_ip("::ffff:10.1.0.7") == "10.1.0.7"
    assert normalise.own_ip("2001:DB8::7") == "2001:db8::7"
    with pytest.raises(RecordError):
        normalise.own_ip("10.1.0.777")


def test_an_adapters_own_address_is_never_a_group() -> None:
    assert normalise.adapter_mac("00-1B-1B-AA-BB-CC") == "00:1b:1b:aa:bb:cc"
    assert normalise.adapter_mac("02:00:00:00:00:00") is None
    for group in ("ffffffffffff", "01-00-5E-90-10-00", "33:33:00:00:00:01", "01:80:c2:00:00:0e", "01:0c:cd:01:00:01"):
        with pytest.raises(RecordError, match="multicast"):
            normalise.adapter_mac(group)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("10.0.0.5:502", ("10.0.0.5", 502)), ("[2001:db8::1]:443", ("2001:db8::1", 443)), ("10.0.0.5", ("10.0.0.5", None)), ("", (None, None)),
     (None, (None, None)), ("10.0.0.5:0", ("10.0.0.5", None)), ("2001:db8::1", ("2001:db8::1", None))],
)  # fmt: skip
def test_sockets(value: Any, expected: Any) -> None:
    assert normalise.ip_and_port(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("CVE-2021-44228, cve 2021 45046 (bypass); CVE-2021-44228", ["CVE-2021-44228", "CVE-2021-45046"]), ("nothing here", []), (None, []),
     (["CVE-2021-44228", None, "see CVE-2021-45046"], ["CVE-2021-44228", "CVE-2021-45046"]), ("https://nvd.nist.gov/vuln/detail/CVE-2021-44228", ["CVE-2021-44228"])],
)  # fmt: skip
def test_cves_in_a_text(value: Any, expected: list[str]) -> None:
    assert normalise.cves(value) == expected


@pytest.mark.parametrize("value", [5, [5], b"CVE-2021-44228"])
def test_cves_are_read_from_texts_only(value: Any) -> None:
    with pytest.raises(RecordError):
        normalise.cves(value)


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [(1, (5, 1), 100), (5, (5, 1), 0), (0, (7, 0), 100), (7, (7, 0), 0), (3, (1, 5), 50), (9.8, 10, 98), ("9.8", 10, 98), ("High", 10, 70), ("7/10", 5, 70)],
)  # fmt: skip
def test_scales_may_fall(value: Any, scale: Any, expected: int) -> None:
    assert normalise.severity(value, scale) == expected


@pytest.mark.parametrize("scale", [0, (5, 5)])
def test_a_scale_has_an_extent(scale: Any) -> None:
    with pytest.raises(ValueError, match="extent"):
        normalise.severity(3, scale)
    with pytest.raises(RecordError):
        normalise.severity([], {"a": 1})


@pytest.mark.parametrize("value", ["9.8", 9.8, "9,8"])
def test_scores(value: Any) -> None:
    assert normalise.score(value, 10) == 9.8
    assert normalise.score("", 10) is None
    for broken in (10.1, "11", -1, True, "high", float("nan"), [], "9" * 100):
        with pytest.raises(RecordError):
            normalise.score(broken, 10)


def test_domain_names_are_those_of_the_standard_and_host_names_are_what_hosts_are_called() -> None:
    assert normalise.domain("München.Example.") == "xn--mnchen-3ya.example"
    for name in ("srv_01.example", "_ldap._tcp.example", "-a.example", "xn--a.example", "ab--c.example", "a" * 64):
        with pytest.raises(RecordError):
            normalise.domain(name)
    assert normalise.hostname("srv_01.example") == "srv_01.example"
