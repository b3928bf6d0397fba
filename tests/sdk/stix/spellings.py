"""What vendors write, and the one spelling of it; `BROKEN` is what cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

BROKEN: Final = object()
Table = list[tuple[Any, Any]]


def many(values: Iterable[Any], expected: Any) -> Table:
    """All of the values have one spelling."""
    return [(value, expected) for value in values]


MACS: Table = [
    *many(
        ("00:1b:1b:aa:bb:cc", "00:1B:1B:AA:BB:CC", "00-1b-1b-aa-bb-cc", "00-1B-1B-AA-BB-CC", "001b.1baa.bbcc", "001B.1BAA.BBCC",
         "001b:1baa:bbcc", "001b-1baa-bbcc", "001b 1baa bbcc", "001b1baabbcc", "001B1BAABBCC", "0x001b1baabbcc", "001b1b-aabbcc",
         "001b1b:aabbcc", "00 1b 1b aa bb cc", "00.1b.1b.aa.bb.cc", "0:1b:1b:aa:bb:cc", " 00:1b:1b:aa:bb:cc\n", "\t001b1baabbcc "),
        "00:1b:1b:aa:bb:cc",
    ),
    *many(
        (None, "", " ", "-", "--", "N/A", "n/a", "None", "null", "NULL", "unknown", "UNKNOWN", "undefined", "(null)", "<none>", "?",
         "00:00:00:00:00:00", "00-00-00-00-00-00", "000000000000", "0000.0000.0000", "0:0:0:0:0:0", "0x000000000000"),
        None,
    ),
    ("ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff"), ("FFFFFFFFFFFF", "ff:ff:ff:ff:ff:ff"), ("01-00-5E-90-10-00", "01:00:5e:90:10:00"),
    *many(
        ("00:1b:1b:aa:bb", "00:1b:1b:aa:bb:cc:dd", "00:1b:1b:ff:fe:aa:bb:cc", "001b1bfffeaabbcc", "001b.1bff.feaa.bbcc", "zz:1b:1b:aa:bb:cc",
         "00-1b:1b-aa:bb-cc", "001b1baabbc", "001b1baabbccd", "2001:db8:1:1:1:1:1:1", "10.0.0.1", "host", 17, True, 1.5, b"001b1baabbcc",
         "00:1b:1b:aa:bb:cc,00:1b:1b:aa:bb:cd", "::", ":::::", "a" * 100_000, "\u0660\u0660:1b:1b:aa:bb:cc"),
        BROKEN,
    ),
]  # fmt: skip
IPS: Table = [
    *many(
        ("10.0.0.5", " 10.0.0.5 ", "10.0.0.5/24", "10.0.0.5/32", "10.0.0.5:502", "10.0.0.5:65535", "::ffff:10.0.0.5", "::FFFF:0a00:0005",
         "[::ffff:10.0.0.5]:443", "[10.0.0.5]", "\t10.0.0.5\n"),
        "10.0.0.5",
    ),
    *many(
        ("2001:db8::1", "2001:DB8::1", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8:0:0::1", "[2001:db8::1]", "[2001:db8::1]:443",
         "2001:db8::1/64", "2001:db8::1/128"),
        "2001:db8::1",
    ),
    *many(("fe80::1", "fe80::1%eth0", "FE80::1%12", "[fe80::1%eth0]:80", "fe80::1%eth0/64"), "fe80::1"),
    ("10.0.0.0/31", "10.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("224.0.0.1", "224.0.0.1"),
    *many((None, "", " ", "-", "N/A", "unknown", "None", "null", "0.0.0.0", "::", "[::]", "::ffff:0.0.0.0", "0.0.0.0:0"), None),
    *many(
        ("10.0.0", "10.0.0.256", "010.0.0.1", "192.168.00.1", "10.0.0.0/24", "0.0.0.0/0", "2001:db8::/32", "10.0.0.1-10.0.0.9", "10.0.0.1,10.0.0.2", "host",
         "host.example:80", "10.0.0.5:", "10.0.0.5:99999", "10.0.0.5/33", "1.2.3.4.5", "0x0a000005", "167772165", "localhost", "2001:db8::g", "::1::",
         "[2001:db8::1", 167772165, True, b"10.0.0.5", [], "1" * 100_000, "\u0661\u0660.0.0.5", "10. 0.0.5"),
        BROKEN,
    ),
]  # fmt: skip
HOSTS: Table = [
    *many(("PLC-1.Plant.Example", "plc-1.plant.example.", " plc-1.plant.example ", "PLC-1.PLANT.EXAMPLE..", "ACME\\plc-1.plant.example"), "plc-1.plant.example"),
    *many(("HMI01", "hmi01$", "ACME\\HMI01$", "\\\\HMI01", "HMI01<20>", "hmi01<00>", "WORKGROUP\\hmi01"), "hmi01"),
    ("srv_01", "srv_01"), ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"), ("München.example", "xn--mnchen-3ya.example"),
    ("2001-db8", "2001-db8"), ("123", "123"),
    *many(
        (None, "", " ", "-", "N/A", "none", "Unknown", "(unknown)", "localhost", "LOCALHOST.", "localhost.localdomain", "localhost6", "10.0.0.1",
         "2001:db8::1", "fe80::1%eth0", ".", "$", "not available"),
        None,
    ),
    *many(
        ("two words", "a/b", "http://host/", "host:80", "x" * 300, "x" * 100_000, "tab\tname", "a..b", ".a", "-a", "a@b", "a;b", "a,b", "a=b", "a\x00b",
         "a\u202eb", "ACME\\two words", 5, True, b"host", []),
        BROKEN,
    ),
]  # fmt: skip
CPES: Table = [
    *many(
        ("cpe:/o:siemens:s7-1500_firmware:2.8.1", "CPE:/O:Siemens:S7-1500_firmware:2.8.1", "cpe:2.3:o:siemens:s7-1500_firmware:2.8.1",
         "cpe:2.3:o:siemens:s7-1500_firmware:2.8.1:*:*:*:*:*:*:*", "cpe:2.3:o:siemens:s7\\-1500_firmware:2\\.8\\.1:*:*:*:*:*:*:*",
         "cpe:2.3:o:Siemens:S7-1500_Firmware:2.8.1:*:*:*:*:*:*:*", " cpe:/o:siemens:s7-1500_firmware:2.8.1:: "),
        "cpe:2.3:o:siemens:s7-1500_firmware:2.8.1:*:*:*:*:*:*:*",
    ),
    ("cpe:/o:apple:ipados:13.3.1:-:-", "cpe:2.3:o:apple:ipados:13.3.1:-:-:*:*:*:*:*"),
    ("cpe:/h:schneider-electric:modicon_m340_cpu:-:-:-", "cpe:2.3:h:schneider-electric:modicon_m340_cpu:-:-:-:*:*:*:*:*"),
    ("cpe:/a:acme:tool%2b:1", "cpe:2.3:a:acme:tool\\+:1:*:*:*:*:*:*:*"),
    ("cpe:/a:acme:tool:1%02", "cpe:2.3:a:acme:tool:1*:*:*:*:*:*:*:*"),
    ("cpe:/a:acme:tool:1::~~~windows~x64~", "cpe:2.3:a:acme:tool:1:*:*:*:*:windows:x64:*"),
    ("cpe:/a:acme:tool:1:u1:~ed~pro~linux~arm~x:de", "cpe:2.3:a:acme:tool:1:u1:ed:de:pro:linux:arm:x"),
    ("cpe:2.3:a:joomla:joomla!:3.9", "cpe:2.3:a:joomla:joomla\\!:3.9:*:*:*:*:*:*:*"),
    ("cpe:2.3:a:a\\:b:c\\\\d:1:*:*:*:*:*:*:*", "cpe:2.3:a:a\\:b:c\\\\d:1:*:*:*:*:*:*:*"),
    *many((None, "", "-", "unknown", "N/A"), None),
    *many(
        ("cpe:2.3:a:b", "cpe:2.3:z:a:b:c:*:*:*:*:*:*:*", "acme", "cpe:2.3:a:a b:c:1:*:*:*:*:*:*:*", "cpe:/", "cpe:/a:b:c:1:2:3:4:5", "cpe:2.3:",
         "cpe:2.2:a:b:c", "cpe:2.3:a:b:c:1:2:3:4:5:6:7:8:9", "cpe:2.3:a:" + "x" * 100_000, 5, b"cpe", "cpe:/a:b\u00fc:c", "cpe:2.3:a:b\\"),
        BROKEN,
    ),
]  # fmt: skip
CVES: Table = [
    *many(
        ("CVE-2021-44228", "cve-2021-44228", " CVE-2021-44228 ", "CVE 2021-44228", "CVE 2021 44228", "cve_2021_44228", "CVE:2021-44228",
         "CVE\u20132021\u201344228", "CVE-2021\u201144228", "CVE2021-44228"),
        "CVE-2021-44228",
    ),
    ("CVE-1999-0001", "CVE-1999-0001"), ("CVE-2024-1234567", "CVE-2024-1234567"),
    *many((None, "", "-", "none", "N/A", "unknown"), None),
    *many(
        ("CVE-24-1", "CVE-2024-00012", "CVE-2024-123", "GHSA-1", "CVE-2021-44228, CVE-2021-45046", "2021-44228", "CAN-2001-0001", "CVE-\u0662024-1234",
         5, True, "CVE-2024-" + "1" * 100_000, "CVE-2024-1234x"),
        BROKEN,
    ),
]  # fmt: skip
LEVELS: Table = [
    *many((0, 0.0, "0", "Level 0", "Level-0", "level_0", "L0", "l 0", "Purdue 0", "Purdue Level 0", "PURDUE-LEVEL-0", "lvl0", "0.0", "Physical process"), "0"),
    *many((1, 1.0, "1", "level1", "Level1", "LEVEL 1", "L1", "Purdue 1", "Lvl. 1", "Level 1 - Basic control", "L1: PLC", "Basic Control", "1.00"), "1"),
    *many((["2"], ("Level 2",), "L2", "Level 2 (Supervisory)", "ISA-95 Level 2", "Level: 2", "level #2", ["2", 2.0]), "2"),
    *many((3, "Level 3", "Level3", "L3", "Level 3 | Operations", "Site Operations"), "3"),
    *many((3.5, "3.5", "3,5", "3.50", "Level 3.5", "L3.5", "Level 3,5", "DMZ", "dmz", "IDMZ", "iDMZ", "Industrial DMZ", "Level 3.5 (IDMZ)", "Level-3.5"), "3.5"),
    *many((4, "4", "Level 4", "L4 - Enterprise"), "4"),
    *many((5, "5", "Level 5", "Enterprise network"), "5"),
    *many((None, "", "-", "unknown", "Unassigned", "N/A", (), ("1", "2"), ("1", None, "3")), None),
    *many((6, -1, "6", "-1", "5.5", "2.5", "1,5", "Level 2-3", "2/3", "Level 1 2", "basement", "Level", "external", True, 3.4, 10**400, float("nan"), float("inf"), "1" * 10_000, b"1"), BROKEN),
]  # fmt: skip
SEVERITIES: Table = [
    *many(("none", "None", "NONE"), 0),
    *many(("Informational", "INFO", "information", "Informative", "notice", "Very Low", "very-low", "VERY_LOW", "Negligible"), 10),
    *many(("low", "LOW", "Minor", "Low Severity", "LOW_SEVERITY", "Severity: Low", "4 - Low", "SEVERITY_LOW", "low risk"), 30),
    *many(("Medium", "moderate", "WARNING", "WARN", "MEDIUM_SEVERITY", "3 - Moderate"), 50),
    *many(("high", "HIGH_SEVERITY", "Major", "Important", "2 - High", "severe", "High Priority", "ERROR"), 70),
    *many(("Critical", "CRITICAL", "1 - Critical", "fatal", "Very High", "URGENT", "Emergency", "Sev: Critical"), 90),
    (0, 0), (100, 100), (55, 55), ("55", 55), ("55.4", 55), ("55,4", 55), (7.6, 8), ("7.5/10", 75), ("3 / 5", 60), ("75%", 75), ("75 %", 75),
    *many((None, "", "-", "unknown", "N/A", "Undefined"), None),
    *many((101, -1, "101", "terrible", "P9", True, float("nan"), float("inf"), 10**400, "1e400", "11/10", "1/0", "x" * 100_000, "high5", [], b"high"), BROKEN),
]  # fmt: skip
PORTS: Table = [
    *many((502, "502", " 502 ", 502.0, "502.0", "502/tcp", "tcp/502", "TCP 502", "udp:502"), 502),
    (1, 1), (65535, 65535), ("65535", 65535),
    *many((None, "", "-", 0, "0", -1, "-1", "any", "*", "ANY", "all", "n/a"), None),
    *many((65536, "65536", -2, 1.5, True, "1-1024", "http", 10**400, b"1", "9" * 100_000, float("nan"), "\u0661"), BROKEN),
]  # fmt: skip
PROTOCOLS: Table = [
    *many(("tcp", "TCP", "Tcp", " tcp ", "6", 6, "L4_PROTOCOL_TCP"), "tcp"),
    *many(("udp", "UDP", "17", 17), "udp"),
    *many(("icmp", 1, "1"), "icmp"), *many(("IPv6-ICMP", "icmpv6", 58), "ipv6-icmp"),
    *many(("Modbus", "MODBUS/TCP", "modbus tcp", "MODBUSTCP (TCP)", "modbus_tcp"), "modbus"),
    ("S7 comm", "s7-comm"), ("s7comm", "s7comm"), ("ethernetip", "ethernetip"), ("CIP", "cip"), ("tcp/1122", "tcp/1122"), ("http", "http"),
    *many((None, "", "-", "any", "ALL", "*", "-1", -1, "unknown", "N/A"), None),
    *many(("x" * 100_000, [], b"tcp"), BROKEN),
]  # fmt: skip
VENDORS: Table = [
    *many(("Siemens", "Siemens AG", " Siemens  AG ", "Siemens, AG"), "Siemens"),
    *many(("Cisco Systems", "Cisco Systems, Inc", "Cisco Systems, Inc.", "Cisco Systems Inc."), "Cisco Systems"),
    ("VMware, Inc.", "VMware"), ("Schneider Electric SE", "Schneider Electric"), ("Schneider Electric", "Schneider Electric"), ("ABB", "ABB"), ("AG", "AG"),
    ("Phoenix Contact GmbH & Co. KG", "Phoenix Contact"), ("Rockwell Automation", "Rockwell Automation"), ("SAS", "SAS"), ("Zebra Technologies Corp.", "Zebra Technologies"),
    *((name, name) for name in ("Cisco", "Sysco", "Pelco", "Texas", "Visa", "Zinc")), ("Cisco Systems,Inc", "Cisco Systems"),
    ("Yokogawa Electric Corporation", "Yokogawa Electric"), ("Moxa Inc", "Moxa"), ("3M", "3M"),
    *many((None, "", "Unknown", "n/a"), None),
    *many(([], b"x", "\ud800"), BROKEN),
]  # fmt: skip
SERIALS: Table = [
    ("S C-123", "S C-123"), (" X1 ", "X1"), (12345, "12345"), ("123456789", "123456789"),
    *many((None, "", "-", "None", "To be filled by O.E.M.", "Default string", "System Serial Number", "0", "0000000000", "xxxx", "Not Specified", "INVALID", "........"), None),
    *many(([], b"x"), BROKEN),
]  # fmt: skip
MAILS: Table = [
    *many(("ann@x.example", "Ann <ann@X.example>", "mailto:ann@x.example", " ann@x.example ", "ann[at]x[.]example"), "ann@x.example"),
    *many((None, "", "-"), None),
    *many(("ann", "@", "a b@x.example", "ann@", "@x", "ä@x.example", "a@" + "x" * 400, "a@x..y", 5), BROKEN),
]  # fmt: skip
URLS: Table = [
    *many(("https://x.example/A", "HTTPS://X.example/A", "hxxps://x[.]example/A", " https://x.example/A "), "https://x.example/A"),
    ("http://[::1]:80/", "http://[::1]:80/"), ("mailto:a@x.example", "mailto:a@x.example"), ("https://u@X.example", "https://u@x.example"),
    *many((None, "", "-"), None),
    *many(("x", "x.example/a", "https://x.example/a b", "://x", "http:", "a\x00:b", 5), BROKEN),
]  # fmt: skip
