"""Normalisers: many spellings, one value; "unknown" is nothing; broken is said so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._grammar import is_cpe, is_ipv4, is_ipv6, is_mac


@pytest.mark.parametrize(
    "value",
    [
        "00-1B-1B-AA-BB-CC",
        "00:1b:1b:aa:bb:cc",
        "001b.1baa.bbcc",
        "001B1BAABBCC",
        " 0:1b:1b:aa:bb:cc ",
        "001b-1baa-bbcc",
    ],
)
def test_macs_have_one_spelling(value: str) -> None:
    assert normalise.mac(value) == "00:1b:1b:aa:bb:cc"


@pytest.mark.parametrize("value", [None, "", "unknown", "00:00:00:00:00:00", "000000000000"])
def test_macs_that_say_nothing(value: str | None) -> None:
    assert normalise.mac(value) is None


@pytest.mark.parametrize(
    "value", ["00:1b:1b:aa:bb", "zz:1b:1b:aa:bb:cc", "00:11:22:33:44:55:66:77", 17, "00-1b:1b-aa:bb-cc"]
)
def test_broken_macs(value: object) -> None:
    with pytest.raises(RecordError):
        normalise.mac(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("10.0.0.5", "10.0.0.5"), (" 10.0.0.5 ", "10.0.0.5"), ("10.0.0.5/24", "10.0.0.5"), ("10.0.0.5/32", "10.0.0.5"),
     ("::ffff:10.0.0.5", "10.0.0.5"), ("2001:DB8:0:0::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"),
     ("[2001:db8::1]", "2001:db8::1"), ("0.0.0.0", None), ("::", None), ("N/A", None), (None, None)],
)  # fmt: skip
def test_addresses(value: str | None, expected: str | None) -> None:
    assert normalise.ip(value) == expected


@pytest.mark.parametrize("value", ["10.0.0", "10.0.0.256", "010.001.002.003", "host", "10.0.0.0/24", 3, "1.2.3.4.5"])
def test_broken_addresses(value: object) -> None:
    with pytest.raises(RecordError):
        normalise.ip(value)


@given(st.ip_addresses())
def test_normal_addresses_are_valid_and_stay(address: object) -> None:
    value = normalise.ip(str(address))
    if value is not None:
        assert is_ipv4(value) or is_ipv6(value)
        assert normalise.ip(value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [("PLC-1.Plant.Example.", "plc-1.plant.example"), ("srv_01", "srv_01"), ("localhost", None), ("10.0.0.1", None),
     ("Unknown", None), ("", None), (None, None)],
)  # fmt: skip
def test_host_names(value: str | None, expected: str | None) -> None:
    assert normalise.hostname(value) == expected


@pytest.mark.parametrize("value", ["two words", "a/b", "x" * 300, "tab\tname", 5])
def test_broken_host_names(value: object) -> None:
    with pytest.raises(RecordError):
        normalise.hostname(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cpe:/o:siemens:s7-1500_firmware:2.8.1", "cpe:2.3:o:siemens:s7-1500_firmware:2.8.1:*:*:*:*:*:*:*"),
        ("cpe:/a:acme:tool%2b:1", "cpe:2.3:a:acme:tool\\+:1:*:*:*:*:*:*:*"),
        ("cpe:/a:acme:tool:1::~~~windows~x64~", "cpe:2.3:a:acme:tool:1:*:*:*:*:windows:x64:*"),
        ("cpe:2.3:a:Acme:Tool:1.0:*:*:*:*:*:*:*", "cpe:2.3:a:acme:tool:1.0:*:*:*:*:*:*:*"),
        ("", None),
        (None, None),
    ],
)
def test_cpe(value: str | None, expected: str | None) -> None:
    found = normalise.cpe(value)
    assert found == expected
    assert found is None or is_cpe(found)


@pytest.mark.parametrize(
    "value", ["cpe:2.3:a:b", "cpe:2.3:z:a:b:c:*:*:*:*:*:*:*", "acme", "cpe:2.3:a:a b:c:1:*:*:*:*:*:*:*"]
)
def test_broken_cpe(value: str) -> None:
    with pytest.raises(RecordError):
        normalise.cpe(value)


def test_cve() -> None:
    assert normalise.cve(" cve-2024-12345 ") == "CVE-2024-12345"
    assert normalise.cve("unknown") is None
    for broken in ("CVE-24-1", "CVE-2024-00012", "GHSA-1", 5):
        with pytest.raises(RecordError):
            normalise.cve(broken)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("level1", "1"), ("Level 3", "3"), (4, "4"), (1.0, "1"), (["2"], "2"), ("L2", "2"), (3.5, "3.5"), ("3.5", "3.5"), ("DMZ", "3.5"),
     ("Purdue Level 0", "0"), ("Level 3.5 (IDMZ)", "3.5"), ("unknown", None), (None, None), ([], None), (["1", "2"], None), (["2", 2.0], "2")],
)  # fmt: skip
def test_purdue_levels(value: object, expected: str | None) -> None:
    assert normalise.purdue_level(value) == expected


@pytest.mark.parametrize("value", ["6", "5.5", "basement", True, -1, {}])
def test_broken_purdue_levels(value: object) -> None:
    with pytest.raises(RecordError):
        normalise.purdue_level(value)


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [("High", None, 70), ("informational", None, 10), (55, None, 55), (7.5, 10, 75), ("7.5", 10, 75), (3, (1, 5), 50), (0, None, 0),
     ("P1", {"p1": 90}, 90), (2, {2: 40}, 40), ("unknown", None, None), ("", None, None), (None, 10, None)],
)  # fmt: skip
def test_severity(value: object, scale: object, expected: int | None) -> None:
    assert normalise.severity(value, scale) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "scale"),
    [(11, 10), (-1, None), ("terrible", None), (True, None), ("P9", {"p1": 90}), (float("nan"), None)],
)
def test_severity_outside_its_scale(value: object, scale: object) -> None:
    with pytest.raises(RecordError):
        normalise.severity(value, scale)  # type: ignore[arg-type]


@given(st.text(max_size=40))
def test_no_text_crashes_a_normaliser(value: str) -> None:
    for function in (normalise.mac, normalise.ip, normalise.hostname, normalise.domain, normalise.cpe, normalise.cve,
                     normalise.purdue_level, normalise.severity):  # fmt: skip
        try:
            found = function(value)
        except RecordError:
            continue
        if found is not None and function is normalise.mac:
            assert is_mac(str(found))
