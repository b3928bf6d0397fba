"""What the standard allows, however unusual: each row is an object that must pass, with nothing but the named advice.

what · type · how its sound example is changed · section · warnings (names of rules) it may give
"""

from __future__ import annotations

from typing import Any

from tests.sdk.stix.changes import (
    EXTENSION,
    UUID_4,
    Change,
    Json,
    as_version,
    both,
    container,
    drop,
    extension,
    marked,
    only,
    put,
    reference,
)
from tests.sdk.stix.examples import ALL_TYPES, IDENTITY, IPV4, MALWARE, T0, T1, example

from isthmus_sdk.stix import TLP, TLP_ORDER, sco_id, tlp_object
from isthmus_sdk.stix._markings import TLP_1, tlp1_object
from isthmus_sdk.stix._table import TYPES
from isthmus_sdk.stix._table.relationships import LISTED

Row = tuple[str, str, Change, str, frozenset[str]]
NONE: frozenset[str] = frozenset()
CUSTOM = frozenset({"custom-property"})
WORD = frozenset({"vocabulary"})
MISMATCH = frozenset({"id-mismatch"})


def _named(type: str, change: Change) -> Change:
    """The change, with the deterministic id that belongs to it."""

    def made(obj: Json) -> Json:
        changed = change(obj)
        return {**changed, "id": sco_id(type, changed)}

    return made


def _values(type: str, section: str, *values: str, name: str = "value") -> list[Row]:
    return [(f"{type} {value[:40]}", type, _named(type, put(name, value)), section, NONE) for value in values]


def _target(type: str) -> str:
    return f"{type}--{UUID_4}"


def _relationships() -> list[Row]:
    rows: list[Row] = []
    for source, kinds in LISTED.items():
        for kind, targets in kinds.items():
            for target in sorted(targets - {"SCO"} | ({"ipv4-addr", "file"} if "SCO" in targets else set())):
                change = put("source_ref", _target(source), "target_ref", _target(target), "relationship_type", kind)
                rows.append((f"{source} {kind} {target}", "relationship", change, "B", NONE))
    return rows


COMMON: list[Row] = [  # sections 2 and 3
    ("nine digits of a second", "campaign", put("last_seen", "2024-02-01T00:00:00.123456789Z"), "2.16", NONE),
    ("thirty digits of a second", "campaign", put("last_seen", "2024-02-01T00:00:00." + "1" * 30 + "Z"), "2.16", NONE),
    ("created to the microsecond", "tool", put("created", "2024-01-01T00:00:00.123456Z"), "3.2", NONE),
    ("modified to the nanosecond", "tool", put("modified", "2024-02-01T00:00:00.123456789Z"), "3.2", NONE),
    ("modified is created, with more digits", "tool", put("created", "2024-01-01T00:00:00.000Z", "modified", "2024-01-01T00:00:00.000000Z"), "3.6", NONE),
    ("modified is created", "tool", put("modified", T0), "3.6", NONE),
    ("modified later by a nanosecond", "tool", put("created", "2024-01-01T00:00:00.000000001Z", "modified", "2024-01-01T00:00:00.000000002Z"), "3.6", NONE),
    ("seen without a fraction", "campaign", put("last_seen", "2024-02-01T00:00:00Z"), "2.16", NONE),
    ("one digit of a second", "campaign", put("last_seen", "2024-02-01T00:00:00.5Z"), "2.16", NONE),
    ("the leap second of 2016", "campaign", put("first_seen", "2016-12-31T23:59:60Z"), "2.16", NONE),
    ("a leap second in June with a fraction", "campaign", put("first_seen", "2015-06-30T23:59:60.5Z"), "2.16", NONE),
    ("29 February", "campaign", put("first_seen", "2000-02-29T00:00:00Z"), "2.16", NONE),
    ("the year 1", "campaign", put("first_seen", "0001-01-01T00:00:00Z"), "2.16", NONE),
    ("the year 9999", "campaign", put("last_seen", "9999-12-31T23:59:59Z"), "2.16", NONE),
    ("seen first and last in one instant, written differently", "campaign", put("first_seen", "2024-01-01T00:00:00.0Z", "last_seen", "2024-01-01T00:00:00Z"), "4.2", NONE),
    ("UUID of version 1", "tool", as_version("1"), "2.9", NONE),
    ("UUID of version 3", "tool", as_version("3"), "2.9", NONE),
    ("UUID of version 4", "tool", as_version("4"), "2.9", NONE),
    ("UUID in capitals", "tool", put("id", f"tool--{UUID_4.upper()}"), "2.9", NONE),
    ("confidence 0", "tool", put("confidence", 0), "3.2", NONE),
    ("confidence 100", "tool", put("confidence", 100), "3.2", NONE),
    ("revoked", "tool", put("revoked", True), "3.6", NONE),
    ("not revoked", "tool", put("revoked", False), "3.6", NONE),
    ("an empty name", "tool", put("name", ""), "2.15", NONE),
    ("an empty label", "tool", put("labels", [""]), "3.2", NONE),
    ("the same label twice", "tool", put("labels", ["a", "a"]), "3.2", NONE),
    ("a name in Chinese", "tool", put("name", "\u6728\u99ac"), "2.15", NONE),
    ("a name of emoji", "tool", put("name", "\U0001f40d\u200d\u2764\ufe0f"), "2.15", NONE),
    ("a name with control characters", "tool", put("name", "a\x00\n\t\x7f"), "2.15", NONE),
    ("a long description", "tool", put("description", "a" * 100_000), "2.15", NONE),
    *[(f"language {tag}", "tool", put("lang", tag), "3.2", NONE) for tag in (
        "en", "de", "EN", "de-CH", "zh-Hans", "zh-Hant-TW", "sr-Latn-RS", "es-419", "de-CH-1996", "sl-rozaj-biske", "hy-Latn-IT-arevela",
        "en-u-ca-gregory", "de-DE-u-co-phonebk", "en-a-bbb-x-a-ccc", "x-whatever", "x-a-b-c", "qaa-Qaaa-QM-x-southern", "i-klingon", "i-navajo",
        "zh-min-nan", "sgn-BE-FR", "art-lojban", "en-GB-oed", "tlh", "gsw", "zh-cmn-Hans-CN", "iw", "mo", "de-Latn-DE-1901", "sl-nedis", "mn-Cyrl-MN")],
    ("reference with a description alone", "tool", reference(source_name="a", description="d"), "2.5", NONE),
    ("reference with an id alone", "tool", reference(source_name="ACME Bugzilla", external_id="1370"), "2.5", NONE),
    ("reference with hashes", "tool", reference(source_name="a", url="https://a.example", hashes={"SHA-256": "0" * 64}), "2.5", NONE),
    ("reference by FTP", "tool", reference(source_name="a", url="ftp://a.example/b"), "2.5", NONE),
    ("reference by URN", "tool", reference(source_name="a", url="urn:isbn:0451450523"), "2.5", NONE),
    ("reference with an empty description", "tool", reference(source_name="a", description=""), "2.5", NONE),
    ("CVE of a tool without id", "tool", reference(source_name="cve", url="https://a.example"), "2.5", frozenset({"reference-source"})),
    ("CVE id of a tool under another name", "tool", reference(source_name="nvd", external_id="CVE-2024-0001"), "2.5", frozenset({"reference-source"})),
    ("CVE of a vulnerability in words", "vulnerability", reference(source_name="cve", description="not yet numbered"), "4.19", frozenset({"reference-source"})),
    ("CVE id of seven digits", "vulnerability", reference(source_name="cve", external_id="CVE-2024-1234567"), "4.19", NONE),
    ("CAPEC id", "attack-pattern", reference(source_name="capec", external_id="CAPEC-163"), "4.1", NONE),
    ("kill chain of words", "tool", put("kill_chain_phases", [{"kill_chain_name": "Cyber Kill Chain", "phase_name": "Act"}]), "2.11", NONE),
    ("custom property", "tool", put("x_acme_score", 5), "11.1", CUSTOM),
    ("custom property without x_", "tool", put("toxicity", 5), "11.1", CUSTOM),
    ("custom property of 250 letters", "tool", put("x" * 250, 5), "11.1", CUSTOM),
    ("custom property of three letters", "tool", put("abc", 5), "11.1", CUSTOM),
    ("custom property that ends with an underscore", "tool", put("abc_", 5), "11.1", CUSTOM),
    ("custom structure", "tool", put("x_acme", {"Any-Key": [1, 2.5, "c", True, {"d": {"e": "f"}}]}), "11.1", CUSTOM),
    ("custom empty text", "tool", put("x_acme", ""), "11.1", CUSTOM),
    ("custom false", "tool", put("x_acme", False), "11.1", CUSTOM),
    ("custom float", "tool", put("x_acme", 1e-300), "11.1", CUSTOM),
    ("custom property in a kill chain", "tool", put("kill_chain_phases", [{"kill_chain_name": "k", "phase_name": "p", "x_order": 1}]), "11.1", CUSTOM),
    ("largest integer", "autonomous-system", _named("autonomous-system", put("number", 2**53 - 1)), "2.10", NONE),
    ("smallest integer", "autonomous-system", _named("autonomous-system", put("number", -(2**53) + 1)), "2.10", NONE),
    ("property extension", "tool", extension(EXTENSION, extension_type="property-extension", rank=5, toxicity=8), "7.3", NONE),
    ("property extension with texts", "tool", extension(EXTENSION, extension_type="property-extension", a_b="c", d_list=["e"], f_part={"g": 1}), "7.3", NONE),
    ("top-level extension", "tool", both(extension(EXTENSION, extension_type="toplevel-property-extension"), put("rank", 5)), "7.3", CUSTOM),
    ("extension of an observable", "mutex", extension(EXTENSION, extension_type="property-extension", rank=5), "7.3", NONE),
    ("extension of a sighting", "sighting", extension(EXTENSION, extension_type="property-extension", fact="x"), "7.3", NONE),
    ("two extensions", "tool", put("extensions", {EXTENSION: {"extension_type": "property-extension", "rank": 1}, EXTENSION[:-1] + "0": {"extension_type": "property-extension", "abc": 1}}), "7.3", NONE),
    ("custom extension", "file", extension("x-acme-ext", fact=1), "11.3", frozenset({"custom-extension", "id-mismatch"})),
    ("unknown extension without x-", "file", extension("acme-ext", fact=1), "11.3", frozenset({"custom-extension", "id-mismatch"})),
    *[(f"a new {kind} without definition", "tool", both(put("type", f"my-{kind}", "id", f"my-{kind}--{UUID_4}"), extension(EXTENSION, extension_type=f"new-{kind}")), "7.3", frozenset({"custom-type"})) for kind in ("sdo", "sro", "sco")],
    ("a new observable without dates", "mutex", both(put("type", "my-sco", "id", f"my-sco--{UUID_4}"), extension(EXTENSION, extension_type="new-sco")), "7.3", frozenset({"custom-type"})),
    ("custom type", "tool", put("type", "x-acme-thing", "id", f"x-acme-thing--{UUID_4}"), "11.2", frozenset({"custom-type"})),
    ("custom type without x-", "tool", put("type", "asset", "id", f"asset--{UUID_4}"), "11.2", frozenset({"custom-type"})),
    ("custom type of three letters", "tool", put("type", "abc", "id", f"abc--{UUID_4}"), "11.2", frozenset({"custom-type"})),
    ("custom type of 250 letters", "tool", put("type", "a" * 250, "id", f"{'a' * 250}--{UUID_4}"), "11.2", frozenset({"custom-type"})),
    ("custom type that ends with a hyphen", "tool", put("type", "abc-", "id", f"abc---{UUID_4}"), "11.2", frozenset({"custom-type"})),
    ("custom observable of two properties", "mutex", lambda _: {"type": "x-mine", "id": f"x-mine--{UUID_4}", "abc": 1}, "11.2", frozenset({"custom-type"})),
    ("reference to a custom object", "note", put("object_refs", [f"x-acme-thing--{UUID_4}"]), "3.3", NONE),
    *[(f"marked {type}", type, put("object_marking_refs", [TLP["amber"], TLP_1["green"]]), "7.2.2", NONE) for type in ALL_TYPES],
]  # fmt: skip

DOMAIN: list[Row] = [  # section 4
    ("grouping without name, of everything", "grouping", put("object_refs", [MALWARE, IPV4, _target("relationship"), _target("sighting"), TLP["red"], _target("language-content"), _target("extension-definition"), _target("grouping")]), "4.4", NONE),
    ("grouping for another reason", "grouping", put("context", "my-reason"), "4.4", WORD),
    ("identity without class", "identity", only(name="n"), "4.5", NONE),
    ("identity of another class", "identity", put("identity_class", "robot"), "4.5", WORD),
    *[(f"indicator in {kind}", "indicator", put("pattern_type", kind, "pattern", "rule x { condition: true }"), "4.7", NONE) for kind in ("yara", "sigma", "snort", "suricata", "pcre")],
    ("indicator in another language", "indicator", put("pattern_type", "kql", "pattern", "x | y"), "4.7", WORD),
    *[(f"pattern {pattern[:60]}", "indicator", put("pattern", pattern), "9", NONE) for pattern in (
        "[ipv4-addr:value = '10.0.0.0/8']", "[file:hashes.'SHA-256' = '" + "0" * 64 + "']", "[a-b:c_d[*].e = 5]",
        "[ipv4-addr:value IN ('10.0.0.1', '10.0.0.2')]", "[domain-name:value LIKE '%.example']", "[file:name MATCHES '^a$']",
        "[ipv4-addr:value ISSUBSET '10.0.0.0/8']", "[file:size > 5 AND file:name != 'a']", "[file:name = 'it\\'s']",
        "[mutex:name = 'a'] AND [mutex:name = 'b']", "[mutex:name = 'a'] FOLLOWEDBY [mutex:name = 'b'] WITHIN 5 SECONDS",
        "[mutex:name = 'a'] REPEATS 5 TIMES", "[mutex:name = 'a'] START t'2024-01-01T00:00:00Z' STOP t'2024-02-01T00:00:00Z'",
        "([mutex:name = 'a'] OR [mutex:name = 'b'])", "[x-custom:thing = true]", "[EXISTS file:name]", "[file:size = 5.5]",
        "[file:name NOT = 'a']", "[artifact:payload_bin = b'QUJD']", "[file:magic_number_hex = h'504B']")],
    ("infrastructure of another kind", "infrastructure", put("infrastructure_types", ["plc"]), "4.8", WORD),
    ("location by region alone", "location", only(region="western-europe"), "4.10", NONE),
    ("location by another region", "location", only(region="atlantis"), "4.10", WORD),
    ("location by country name", "location", only(country="Germany"), "4.10", NONE),
    ("the north pole on the date line", "location", put("latitude", 90, "longitude", -180.0), "4.10", NONE),
    ("the origin of the map", "location", put("latitude", 0.0, "longitude", 0, "precision", 0), "4.10", NONE),
    ("malware instance without name", "malware", only(is_family=False), "4.11", NONE),
    ("malware family with an empty name", "malware", put("name", "", "is_family", True), "4.11", NONE),
    ("malware in another language", "malware", put("implementation_languages", ["zig"]), "4.11", WORD),
    ("malware with samples of both kinds", "malware", put("sample_refs", [_target("file"), _target("artifact")]), "4.11", NONE),
    ("analysis by what it saw", "malware-analysis", only(product="p", analysis_sco_refs=[IPV4]), "4.12", NONE),
    ("analysis of another result", "malware-analysis", put("result", "weird"), "4.12", WORD),
    ("analysis that ends as it starts", "malware-analysis", put("analysis_started", T0, "analysis_ended", T0), "4.12", NONE),
    ("analysis with all its references", "malware-analysis", put("host_vm_ref", _target("software"), "operating_system_ref", _target("software"), "installed_software_refs", [_target("software")], "sample_ref", _target("network-traffic"), "modules", ["m"]), "4.12", NONE),
    ("note on a marking", "note", put("object_refs", [TLP["red"]]), "4.13", NONE),
    ("note on itself", "note", lambda o: {**o, "object_refs": [o["id"]]}, "4.13", NONE),
    ("empty note", "note", put("content", ""), "4.13", NONE),
    ("observed once at one time", "observed-data", put("last_observed", T0), "4.14", NONE),
    ("observed 999,999,999 times", "observed-data", put("number_observed", 999_999_999), "4.14", NONE),
    ("observed with relationships", "observed-data", put("object_refs", [_target("relationship"), IPV4, _target("sighting")]), "4.14", NONE),
    ("observed a custom observable", "observed-data", put("object_refs", [_target("x-mine")]), "4.14", NONE),
    ("observed in a container", "observed-data", container(_0={"type": "ipv4-addr", "value": "10.0.0.1"}, _1={"type": "network-traffic", "protocols": ["tcp"], "src_ref": "0"}), "2.13", frozenset({"deprecated"})),
    ("container with keys of its own", "observed-data", container(_first={"type": "mutex", "name": "m"}), "2.13", frozenset({"deprecated"})),
    ("container with a custom observable", "observed-data", container(_0={"type": "x-mine", "some_ref": "0", "a": 1}), "2.13", frozenset({"deprecated"})),
    ("container with 2.0's header fields", "observed-data", container(_0={"type": "network-traffic", "protocols": ["http"], "src_ref": "1", "extensions": {"http-request-ext": {"request_method": "get", "request_value": "/", "request_header": {"Host": "a"}}}}, _1={"type": "domain-name", "value": "a.example"}), "2.13", frozenset({"deprecated"})),
    ("opinion on an opinion", "opinion", put("object_refs", [_target("opinion")]), "4.15", NONE),
    ("report of a report", "report", put("object_refs", [_target("report")], "report_types", ["my-kind"]), "4.16", WORD),
    ("threat actor with everything", "threat-actor", put("threat_actor_types", ["hacker"], "goals", ["g"], "sophistication", "expert", "resource_level", "team", "primary_motivation", "revenge", "secondary_motivations", ["ideology"], "personal_motivations", ["notoriety"], "first_seen", T0, "last_seen", T0), "4.17", NONE),
    ("tool of another kind", "tool", put("tool_types", ["hammer"]), "4.18", WORD),
]  # fmt: skip

RELATIONSHIPS: list[Row] = [  # section 5
    *_relationships(),
    *[(f"{kind} between equals", "relationship", put("source_ref", _target("tool"), "target_ref", _target("tool"), "relationship_type", kind), "3.7", NONE) for kind in ("derived-from", "duplicate-of", "related-to")],
    ("related to an observable", "relationship", put("source_ref", IPV4, "target_ref", MALWARE, "relationship_type", "related-to"), "3.7", NONE),
    *[(f"relationship type {kind}", "relationship", put("relationship_type", kind), "5.1", frozenset({"relationship-listed"})) for kind in ("admires", "is", "a", "4th-of", "-", "x--y", "a" * 300)],
    ("relationship of custom objects", "relationship", put("source_ref", _target("x-a"), "target_ref", _target("x-b"), "relationship_type", "knows"), "5.1", NONE),
    ("relationship to itself", "relationship", put("source_ref", _target("tool"), "target_ref", _target("tool"), "relationship_type", "related-to"), "5.1", NONE),
    ("relationship with a start alone", "relationship", put("start_time", T0), "5.1", NONE),
    ("relationship with an end alone", "relationship", put("stop_time", T0), "5.1", NONE),
    ("relationship for a nanosecond", "relationship", put("start_time", "2024-01-01T00:00:00Z", "stop_time", "2024-01-01T00:00:00.000000001Z"), "5.1", NONE),
    *[(f"sighting of {type}", "sighting", put("sighting_of_ref", _target(type)), "5.2", NONE) for type in ALL_TYPES if TYPES[type].family == "SDO"],
    ("sighting of a custom object", "sighting", put("sighting_of_ref", _target("x-mine")), "5.2", NONE),
    ("sighted at a location", "sighting", put("where_sighted_refs", [_target("location"), IDENTITY]), "5.2", NONE),
    ("sighted never", "sighting", put("count", 0), "5.2", NONE),
    ("sighted 999,999,999 times", "sighting", put("count", 999_999_999, "summary", True), "5.2", NONE),
    ("sighting of what, nothing else", "sighting", only(sighting_of_ref=MALWARE), "5.2", NONE),
]  # fmt: skip

OBSERVABLES: list[Row] = [  # section 6
    *[(f"{type} without spec_version", type, drop("spec_version"), "3.2", NONE) for type in ALL_TYPES if TYPES[type].family == "SCO"],
    ("artifact by URL", "artifact", _named("artifact", both(drop("payload_bin"), put("url", "https://a.example/b", "hashes", {"SHA-256": "0" * 64}))), "6.1", NONE),
    ("encrypted artifact", "artifact", put("encryption_algorithm", "mime-type-indicated", "decryption_key", "infected"), "6.1", NONE),
    ("artifact of an unregistered type", "artifact", put("mime_type", "application/x-foo"), "6.1", NONE),
    ("artifact of a type of types", "artifact", put("mime_type", "application/vnd.acme.a+json"), "6.1", NONE),
    ("artifact of one byte", "artifact", _named("artifact", put("payload_bin", "QQ==")), "6.1", NONE),
    ("autonomous system 0", "autonomous-system", _named("autonomous-system", put("number", 0)), "6.2", NONE),
    ("directory of a share", "directory", _named("directory", put("path", "\\\\host\\c$\\\u00e4", "path_enc", "windows-1252")), "6.3", NONE),
    ("empty path", "directory", _named("directory", put("path", "")), "6.3", NONE),
    *[(f"charset {name}", "file", put("name_enc", name), "3.9.1", NONE) for name in ("UTF-8", "US-ASCII", "ISO-8859-1", "Shift_JIS", "windows-1251", "KOI8-R", "GB18030", "Big5", "UTF-16LE", "IBM850")],
    *_values("domain-name", "6.4", "example.org", "EXAMPLE.org", "example.org.", "localhost", "b\u00fccher.example", "xn--bcher-kva.example", "\u4f8b\u3048.\u30c6\u30b9\u30c8", "_dmarc.example.org", "1.2.3.in-addr.arpa", "a" * 63 + ".example", "a-b.c-d.e"),
    *_values("email-addr", "6.5", "a@example.org", "a+b.c@example.org", "o'neil@example.org", "a@[10.0.0.1]", "a@b\u00fccher.example", "j\u00fcrgen@example.org", "A@Example.ORG"),
    ("e-mail of parts", "email-message", _named("email-message", both(drop("body"), put("is_multipart", True, "body_multipart", [{"body": ""}, {"body_raw_ref": _target("artifact"), "content_type": "image/png"}]))), "6.6", NONE),
    ("e-mail with an empty subject and body", "email-message", _named("email-message", put("subject", "", "body", "")), "6.6", NONE),
    ("e-mail with a field that is there once", "email-message", put("additional_header_fields", {"X-Mailer": ["mutt"]}), "6.6", NONE),
    ("e-mail with fields", "email-message", put("additional_header_fields", {"Reply-To": ["a@example.org", "b@example.org"]}, "received_lines", ["from a"]), "6.6", NONE),
    ("e-mail with =? in its subject", "email-message", _named("email-message", put("subject", "what =? that")), "6.6", NONE),
    ("file by name alone", "file", _named("file", only(name="f")), "6.7", NONE),
    ("file by hash alone", "file", _named("file", only(hashes={"SHA-256": "0" * 64})), "6.7", NONE),
    ("file of no bytes", "file", put("size", 0), "6.7", NONE),
    ("file with every listed hash", "file", put("hashes", {"MD5": "0" * 32, "SHA-1": "A" * 40, "SHA-256": "0" * 64, "SHA-512": "0" * 128, "SHA3-256": "0" * 64, "SHA3-512": "0" * 128, "SSDEEP": "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "TLSH": "T1" + "0" * 70}), "6.7", NONE),
    ("file with a hash of its own", "file", _named("file", put("hashes", {"x_foo_hash": "aaaabbbb", "CRC32": "0a"})), "2.7", WORD),
    ("file with an odd media type", "file", put("mime_type", "something"), "6.7", NONE),
    ("archive", "file", _named("file", extension("archive-ext", contains_refs=[_target("file"), _target("directory")], comment="")), "6.7.2", NONE),
    ("NTFS streams", "file", _named("file", extension("ntfs-ext", alternate_data_streams=[{"name": "s", "hashes": {"MD5": "0" * 32}, "size": 0}])), "6.7.3", NONE),
    ("PDF", "file", _named("file", extension("pdf-ext", is_optimized=False, document_info_dict={"Title": ""})), "6.7.4", NONE),
    ("image", "file", _named("file", extension("raster-image-ext", exif_tags={"Make": "N", "XResolution": 4928})), "6.7.5", NONE),
    ("PE binary", "file", _named("file", extension("windows-pebinary-ext", pe_type="exe", sections=[{"name": "s", "entropy": 7.98}], optional_header={"magic_hex": "010b"})), "6.7.6", NONE),
    ("PE binary of another type", "file", _named("file", extension("windows-pebinary-ext", pe_type="efi", number_of_sections=0)), "6.7.6", WORD),
    *_values("ipv4-addr", "6.8", "0.0.0.0", "255.255.255.255", "10.2.4.5/24", "10.0.0.5/32", "0.0.0.0/0"),
    *_values("ipv6-addr", "6.9", "::", "::1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.33", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:DB8::1", "2001:db8::/96", "fe80::1/128", "1:2:3:4:5:6:7::", "::/0"),
    *_values("mac-addr", "6.10", "00:00:ab:cd:ef:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"),
    *_values("mutex", "6.11", "", "__CLEANSWEEP__", "\u00fc\n", name="name"),
    ("ports zero", "network-traffic", _named("network-traffic", put("src_port", 0, "dst_port", 0)), "6.12", NONE),
    ("port 65535", "network-traffic", _named("network-traffic", put("dst_port", 65_535)), "6.12", NONE),
    ("traffic of one instant", "network-traffic", _named("network-traffic", put("end", T0)), "6.12", NONE),
    ("traffic that goes on", "network-traffic", _named("network-traffic", both(drop("end"), put("is_active", True))), "6.12", NONE),
    ("traffic that ended without saying so", "network-traffic", drop("is_active"), "6.12", frozenset({"inactive-end"})),
    ("traffic by destination alone", "network-traffic", _named("network-traffic", both(drop("src_ref"), put("dst_ref", _target("domain-name")))), "6.12", NONE),
    ("traffic between MAC addresses", "network-traffic", _named("network-traffic", put("src_ref", _target("mac-addr"), "dst_ref", _target("mac-addr"))), "6.12", NONE),
    ("OT protocols", "network-traffic", _named("network-traffic", put("protocols", ["ipv4", "tcp", "s7comm"])), "6.12", NONE),
    ("traffic of no bytes", "network-traffic", put("src_byte_count", 0, "dst_packets", 0), "6.12", NONE),
    ("IPFIX", "network-traffic", put("ipfix", {"minimumIpTotalLength": 32, "applicationName": "a"}), "6.12", NONE),
    ("tunnel", "network-traffic", put("encapsulates_refs", [_target("network-traffic")]), "6.12", NONE),
    ("HTTP request", "network-traffic", _named("network-traffic", extension("http-request-ext", request_method="get", request_value="/", request_header={"Accept": ["a", "b"]}, message_body_length=0)), "6.12.2", NONE),
    ("ICMP", "network-traffic", _named("network-traffic", extension("icmp-ext", icmp_type_hex="08", icmp_code_hex="00")), "6.12.3", NONE),
    ("socket", "network-traffic", _named("network-traffic", extension("socket-ext", address_family="AF_INET6", is_listening=True, socket_type="SOCK_RAW", options={"SO_LINGER": 0}, socket_descriptor=0)), "6.12.4", NONE),
    ("TCP flags", "network-traffic", _named("network-traffic", extension("tcp-ext", src_flags_hex="00000002")), "6.12.5", NONE),
    ("process by extension alone", "process", both(drop("pid"), extension("windows-process-ext", aslr_enabled=False)), "6.13", NONE),
    ("process 0", "process", put("pid", 0), "6.13", NONE),
    ("environment", "process", put("environment_variables", {"PATH": "/bin", "EMPTY": ""}), "6.13", NONE),
    ("service", "process", extension("windows-service-ext", service_type="SERVICE_WIN32_OWN_PROCESS", service_status="SERVICE_RUNNING", descriptions=["d"]), "6.13.3", NONE),
    *[(f"CPE {cpe}", "software", _named("software", put("cpe", cpe)), "6.14", NONE) for cpe in (
        "cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*", "cpe:2.3:o:siemens:simatic_s7-1500_firmware:-:*:*:*:*:*:*:*", "cpe:2.3:h:x:y:-:*:*:*:*:*:*:*",
        "cpe:2.3:a:x:y:1\\.2:sp1:*:en-us:*:*:x64:*", "cpe:2.3:a:x:y\\:z:1:*:*:*:*:*:*:*", "cpe:2.3:a:x:??foo*:1:*:*:*:*:*:*:*", "cpe:2.3:*:*:*:*:*:*:*:*:*:*:*")],
    ("software by SWID", "software", _named("software", put("swid", "acme.example_RRD-2013-1-SP1-v4-1-5-0")), "6.14", NONE),
    ("software in many languages", "software", put("languages", ["en", "zh-Hant", "x-private"]), "6.14", NONE),
    *_values("url", "6.15", "https://example.org/a?b=c#d", "ftp://example.org", "https://[2001:db8::1]:8443/", "https://u@example.org:80/%7Ea", "urn:a:b", "mailto:a@example.org", "https://xn--bcher-kva.example/", "opc.tcp://plc:4840/"),
    ("account by display name", "user-account", both(only(display_name="A"), as_version("4")), "6.16", NONE),
    ("account by extension alone", "user-account", both(only(extensions={"unix-account-ext": {"gid": 0}}), as_version("4")), "6.16", NONE),
    ("account of another kind", "user-account", _named("user-account", put("account_type", "plc")), "6.16", WORD),
    ("registry default value", "windows-registry-key", _named("windows-registry-key", put("values", [{"name": "", "data": ""}])), "6.17", NONE),
    ("registry key in small letters", "windows-registry-key", _named("windows-registry-key", put("key", "hkey_local_machine\\system")), "6.17", NONE),
    ("registry key whose hive only begins alike", "windows-registry-key", _named("windows-registry-key", put("key", "HKLMX\\a")), "6.17", NONE),
    ("certificate that is self-signed", "x509-certificate", both(only(is_self_signed=True), as_version("4")), "6.18", NONE),
    ("certificate with extensions", "x509-certificate", put("x509_v3_extensions", {"key_usage": "critical"}), "6.18", NONE),
    ("defanged address", "ipv4-addr", _named("ipv4-addr", put("value", "10.0.0[.]5", "defanged", True)), "3.2", NONE),
    ("defanged URL", "url", _named("url", put("value", "hxxps://a[.]example", "defanged", True)), "3.2", NONE),
    ("not defanged", "mutex", put("defanged", False), "3.2", NONE),
    ("random id", "ipv4-addr", as_version("4"), "2.9", frozenset({"id-random"})),
    ("another id of version 5", "ipv4-addr", put("value", "10.0.0.6"), "2.9", MISMATCH),
    ("versioned under an id of its own", "ipv4-addr", both(as_version("4"), put("created", T0, "modified", T1, "created_by_ref", IDENTITY, "revoked", False)), "3.6", frozenset({"id-random", "observable-property"})),
    ("labelled observable", "ipv4-addr", put("labels", ["a"]), "3.2", frozenset({"observable-property"})),
    ("custom property of an observable", "ipv4-addr", put("x_seen", 5), "11.1", CUSTOM),
    ("predefined extension on another type", "mutex", extension("ntfs-ext", sid="s"), "3.2", frozenset({"misplaced-extension"})),
]  # fmt: skip


def _bundle(*objects: Any) -> Change:
    return lambda o: {"type": "bundle", "id": f"bundle--{UUID_4}", "objects": [o, *objects]}


META: list[Row] = [  # sections 7 and 8
    *[(f"translation of a {type}", "language-content", put("object_ref", _target(type)), "7.1", NONE) for type in ALL_TYPES],
    ("translation of a custom object", "language-content", put("object_ref", _target("x-mine")), "7.1", NONE),
    ("translation of a version", "language-content", put("object_modified", T0, "confidence", 50), "7.1", NONE),
    ("translation of a list", "language-content", put("contents", {"de": {"goals": ["a", ""]}, "zh-Hant": {"name": ""}}), "7.1", NONE),
    ("translation of a structure", "language-content", put("contents", {"fr": {"x_mine": {"a": {"b": "c"}}}}), "7.1", NONE),
    *[(f"TLP:{name}", "marking-definition", lambda _, name=name: tlp1_object(name), "7.2.1.4", NONE) for name in TLP_1],
    *[(f"TLP 2.0 {name}", "marking-definition", lambda _, name=name: tlp_object(name), "7.2.1", NONE) for name in TLP_ORDER],
    ("statement with a name", "marking-definition", put("name", "Copyright", "created_by_ref", IDENTITY), "7.2.1", NONE),
    ("empty statement", "marking-definition", put("definition", {"statement": ""}), "7.2.1", NONE),
    ("marking of another kind", "marking-definition", put("definition_type", "iep", "definition", {"rule": "x"}), "7.2.1", WORD),
    ("marking by extension", "marking-definition", both(drop("definition", "definition_type"), extension(EXTENSION, extension_type="property-extension", rule="x")), "7.2.1", NONE),
    ("marking by both", "marking-definition", extension(EXTENSION, extension_type="property-extension", rule="x"), "7.2.1", NONE),
    ("marked marking", "marking-definition", put("object_marking_refs", [TLP["clear"]]), "7.2.1", NONE),
    ("part in another language", "tool", marked("name", lang="de"), "7.2.3", NONE),
    ("part in another script", "tool", marked("name", lang="zh-Hant"), "7.2.3", NONE),
    ("two parts", "tool", both(put("labels", ["a", "b"]), marked("labels.[1]", "created")), "7.2.3", NONE),
    ("nested parts", "vulnerability", marked("external_references.[0].source_name", "external_references.[0]", "external_references"), "7.2.3", NONE),
    ("part of a custom structure", "tool", both(put("x_mine", {"Any-Key": [{"b": 1}]}), marked("x_mine.Any-Key.[0].b")), "7.2.3", CUSTOM),
    ("part of an extension", "tool", both(extension(EXTENSION, extension_type="property-extension", rank=[1]), marked(f"extensions.{EXTENSION}.rank.[0]")), "7.2.3", NONE),
    ("the id as part", "tool", marked("id"), "7.2.3", NONE),
    ("part of an observable", "file", marked("hashes.MD5", "name"), "7.2.3", NONE),
    *[(f"definition of a {kind}", "extension-definition", put("extension_types", [kind]), "7.3", frozenset({"extension-properties-missing"}) if kind.startswith("top") else NONE)
      for kind in ("new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension")],
    ("definition of a hybrid", "extension-definition", put("extension_types", ["new-sdo", "new-sco", "property-extension", "toplevel-property-extension"], "extension_properties", ["rank", "toxicity"]), "7.3", NONE),
    ("definition with a plain version", "extension-definition", put("version", "1"), "7.3", frozenset({"semantic-version"})),
    ("definition with a long version", "extension-definition", put("version", "1.0.0-rc.1+build.5"), "7.3", NONE),
    ("revoked definition", "extension-definition", put("revoked", True, "labels", ["old"]), "7.3", NONE),
    ("bundle of nothing at all", "tool", lambda _: {"type": "bundle", "id": f"bundle--{UUID_4}"}, "8.1", NONE),
    ("bundle of one", "tool", _bundle(), "8.1", NONE),
    ("bundle of every type", "tool", _bundle(*map(example, ALL_TYPES)), "8.1", NONE),
    ("bundle of two versions", "tool", lambda o: _bundle(o | {"modified": "2025-01-01T00:00:00.000Z"})(o), "8.1", NONE),
    ("bundle with a custom property", "tool", lambda o: _bundle()(o) | {"x_mine": 1}, "8.1", CUSTOM),
]  # fmt: skip
