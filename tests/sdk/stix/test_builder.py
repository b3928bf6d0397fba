"""The builder: every shape is valid for three judges, the same input gives the same objects, nothing is made up."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import stix2
from stix2validator import ValidationOptions, validate_instance

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import (
    ALERT,
    ASSET,
    COMMUNICATION,
    EXPOSURE,
    Builder,
    Interface,
    Reference,
    Rule,
    Service,
    Shape,
    Software,
    Subject,
    check,
    decode,
    encode,
    extension_objects,
    facts,
    refs,
    warnings,
)

A, B = (f"infrastructure--{digit * 8}-0000-5000-8000-{digit * 12}" for digit in "ab")
AT = "2024-05-01T10:00:00.000Z"
OPTIONS = ValidationOptions(version="2.1", disabled="103,272")


def builder(**options: Any) -> Builder:
    return Builder(**{"source_id": "cmc-north", "connector": "nozomi-guardian", "observed_at": AT, **options})


def full_asset(stix: Builder) -> Shape:
    return stix.asset(
        "a-17",
        name="PLC 17",
        asset_class="plc",
        technology="ot",
        hostname="PLC17.plant.example.",
        vendor="Siemens",
        model="S7-1500",
        serial="S C-123",
        os=Software("VxWorks", "Wind River", "6.9"),
        firmware="V2.8.1",
        software=["STEP 7", Software("WinCC", cpe="cpe:/a:siemens:wincc:7.5")],
        interfaces=[
            Interface("00-1B-1B-AA-BB-CC", ["10.0.0.5", "fe80::1%eth0"], "X1", 12),
            Interface(ips=["10.0.0.6"]),
        ],
        purdue_level="Level 1",
        level_source="inferred",
        site="North",
        zone="Cell 3",
        criticality=80,
        roles=["producer", "consumer", "producer"],
        identifiers=[("agent_id", 7), {"kind": "cloud_id", "value": "i-1"}, ("empty", None)],
        monitored_by=["EDR"],
        first_seen=1_700_000_000,
        last_seen="1714000000000",
        modified="2024-04-30T00:00:00Z",
        labels=["line-2"],
        references=[Reference("wiki", url="https://wiki.example/plc17")],
        description="In the pump house.",
    )


SHAPES: dict[str, Callable[[Builder], Shape]] = {
    "asset": full_asset,
    "bare asset": lambda stix: stix.asset(5, name=None),
    "endpoint": lambda stix: stix.endpoint("10.0.0.9", vantage="s1", mac="001b1baabbcc", vlan=3, zone="Z", hostname="h", first_seen=5, last_seen=9),
    "public endpoint": lambda stix: stix.endpoint("8.8.8.8"),
    "zone": lambda stix: stix.zone("Cell 3", site="North"),
    "communication": lambda stix: stix.communication(
        stix.endpoint("10.0.0.9"), full_asset(stix), services=[Service("Modbus", "TCP", 502, [16, 3, 3]), Service("s7comm")],
        first_seen=1_700_000_000, last_seen=1_700_000_500,
        window={"start": AT, "seconds": 3600, "part": "conn.log", "connections": 3, "bytes_out": 10, "late": None}, sensor="s1",
    ),
    "communication seen once": lambda stix: stix.communication(A, stix.endpoint("10.0.0.1")),
    "alert with rule": lambda stix: stix.alert(
        "al-1", title="Bad", description="d", first_seen=1_700_000_000, last_seen=1_700_000_900, severity=70, vendor_severity="High",
        status="open", vendor_status="NEW", category="recon", rule=Rule("r-1", "Scan"), count=4, sensor=stix.system("s1"),
        subjects=[Subject(full_asset(stix), "victim"), Subject(stix.ip("10.9.9.9"), "source")],
        observables=[stix.ip("10.9.9.9"), stix.traffic(stix.ip("10.9.9.9"), stix.ip("10.0.0.5"), ["TCP", "modbus"], target_port=502)],
        techniques=["t0843", "T1046.001", "T0843", "nonsense"], references=[Reference("nvd", "CVE-2024-0001"), {"source_name": "x", "url": "https://x.example"}],
    ),
    "alert with pattern": lambda stix: stix.alert("al-2", title="t", first_seen=5, rule=Rule("r", "n", "[ipv4-addr:value = '1.1.1.1']", "stix")),
    "alert without rule": lambda stix: stix.alert("al-3", title="Odd", first_seen=1_700_000_000, subjects=[Subject(stix.asset_id("a-17"))], observables=[stix.mac("001b1baabbcc")]),
    "exposure": lambda stix: stix.exposure(
        full_asset(stix), "cve-2024-12345", state="open", likelihood="confirmed", cvss=9.0, epss=0.97, kev=True, first_seen=5,
        description="d", fix="update to 3",
    ),
    "exposure without CVE": lambda stix: stix.exposure(stix.asset_id("a"), "TVM-2020-0002", state="resolved", cvss=0, kev=False),
    "system": lambda stix: stix.system("Sensor 1", native_id=4),
    "person": lambda stix: stix.identity("Ann", identity_class="individual", sectors=["energy"]),
    "location": lambda stix: stix.location("Plant", country="de", latitude=48.1, longitude=11.0, city="M"),
    "account": lambda stix: stix.user_account("bob", domain="ACME", user_id="S-1-5", account_type="windows-domain", is_disabled=False, last_login=5),
    "file": lambda stix: stix.file("a.exe", hashes={"sha256": "A" * 64, "MD5": None, "sha1": "b" * 40}, directory="C:\\x", size=3),
    "process": lambda stix: stix.process("p-1", pid=4, command_line="x -y", created=5, image=stix.file("x"), user=stix.user_account("bob"), parent=stix.process("p-0", pid=1)),
    "domain": lambda stix: stix.domain("Example.COM."),
    "url": lambda stix: stix.url(" https://example.com/a "),
    "mail": lambda stix: stix.email_address("a@example.com", display_name="A"),
    "software": lambda stix: stix.software("x", vendor="v", version="1", cpe="cpe:2.3:a:x:y:1:*:*:*:*:*:*:*"),
    "traffic": lambda stix: stix.traffic(stix.ip("10.0.0.1"), stix.ip("2001:db8::1"), ["ipv4", "UDP"], source_port=5, start=5, end=9, bytes_out=3),
    "relationship": lambda stix: stix.relationship("uses", full_asset(stix), stix.endpoint("10.0.0.9"), start_time=5, stop_time=5),
    "sighting": lambda stix: stix.sighting(full_asset(stix), "s-1", first_seen=5, last_seen=9, count=2, where=[stix.system("q")], observed=[stix.observed([stix.ip("10.0.0.1")], first_observed=5)]),
    "observed": lambda stix: stix.observed([stix.ip("10.0.0.2"), stix.ip("10.0.0.1")], first_observed=9, last_observed=5, number=0, sensor=stix.system("q")),
    "note": lambda stix: stix.note("Look.", [full_asset(stix)], authors=["Ann"], labels=["x"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_valid_for_three_judges_with_its_referents_first(name: str) -> None:
    shape = SHAPES[name](builder())
    known: set[str] = set()
    mine = {obj["id"] for obj in shape}
    for obj in shape:
        check(obj)
        assert {warning.rule for warning in warnings(obj)} <= {"vocabulary", "relationship-listed"}
        plain = json.loads(encode(obj))
        stix2.parse(copy.deepcopy(plain))
        result = validate_instance(plain, OPTIONS)
        assert result.is_valid, [str(error) for error in result.errors]
        assert {id for _, id in refs(obj)} & mine <= known
        known.add(obj["id"])
    assert shape.id == shape.object["id"]
    assert shape.object in list(shape)
    assert len({obj["id"] for obj in shape}) == len(shape)


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_input_gives_the_same_bytes(name: str) -> None:
    assert [encode(obj) for obj in SHAPES[name](builder())] == [encode(obj) for obj in SHAPES[name](builder())]


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in ("domain", "url", "mail", "software", "file", "account", "traffic", "person")])  # fmt: skip
def test_another_source_names_its_objects_otherwise(name: str) -> None:
    here, there = SHAPES[name](builder()), SHAPES[name](builder(source_id="cmc-south"))
    assert here.id != there.id


def test_an_asset_says_all_it_was_told() -> None:
    known = facts(full_asset(builder()).object, ASSET) or {}
    assert {name: known[name] for name in ("kind", "native_id", "source_id", "connector", "asset_class", "technology")} == {
        "kind": "asset", "native_id": "a-17", "source_id": "cmc-north", "connector": "nozomi-guardian", "asset_class": "plc", "technology": "ot",
    }  # fmt: skip
    assert (known["hostname"], known["purdue_level"], known["level_source"]) == ("plc17.plant.example", "1", "inferred")
    assert (known["operating_system"], known["firmware"], known["criticality"]) == ("VxWorks 6.9", "V2.8.1", 80)
    assert known["roles"] == ["consumer", "producer"]
    assert known["identifiers"] == [{"kind": "agent_id", "value": "7"}, {"kind": "cloud_id", "value": "i-1"}]
    first, second = known["interfaces"]
    assert (first["ips"], "mac" in first) == (["10.0.0.6"], False)
    assert (second["name"], second["mac"], second["ips"], second["vlan"], second["scope"]) == (
        "X1", "00:1b:1b:aa:bb:cc", ["10.0.0.5", "fe80::1"], "12", "default",
    )  # fmt: skip
    obj = full_asset(builder()).object
    assert obj["infrastructure_types"] == ["control-system"]
    assert obj["labels"] == ["asset", "line-2", "ot", "plc", "purdue:1"]
    assert {"source_name": "mitre-attack", "external_id": "A0003"} in obj["external_references"]
    assert (obj["created"], obj["modified"]) == ("2023-11-14T22:13:20.000Z", "2024-04-30T00:00:00.000Z")


def test_what_cannot_be_normalised_is_noted_and_does_not_cost_the_asset() -> None:
    shape = builder().asset(
        "a", name="n", hostname="two words", purdue_level="basement", criticality=500,
        interfaces=[Interface("nonsense", ["10.0.0.1", "10.0.0.999", "0.0.0.0"])], software=[Software("x", cpe="cpe:broken")],
    )  # fmt: skip
    places = {note.partition(": ")[0] for note in shape.notes}
    assert places == {
        "hostname",
        "purdue_level",
        "criticality",
        "interfaces[0].mac",
        "interfaces[0].ips",
        "software[0].cpe",
    }
    assert [card["ips"] for card in (facts(shape.object, ASSET) or {})["interfaces"]] == [["10.0.0.1"]]


def test_the_order_in_which_a_source_lists_things_does_not_matter() -> None:
    cards = [
        Interface("001b1b000001", ["10.0.0.2", "10.0.0.1"]),
        Interface("001b1b000002", ["10.0.0.3"]),
        Interface(ips=["10.0.0.4"]),
    ]
    one = builder().asset("a", name="n", interfaces=cards, roles=["x", "y"], labels=["p", "q"])
    two = builder().asset("a", name="n", interfaces=cards[::-1], roles=["y", "x"], labels=["q", "p"])
    assert encode(one.object) == encode(two.object)
    assert {encode(obj) for obj in one} == {encode(obj) for obj in two}


def test_scopes_belong_to_interfaces_and_never_to_ids() -> None:
    asked: list[tuple[Any, ...]] = []

    def scope(*place: Any) -> str:
        asked.append(place)
        return "cell-3" if str(place[-1]).startswith("10.3.") else "default"

    card = Interface("001b1b000001", ["10.3.0.1", "10.4.0.1"], vlan=7, sensor="s1")
    shape = builder(scope=scope).asset("a", name="n", interfaces=[card], site="North", zone="Z")
    assert [(each["scope"], each["ips"]) for each in (facts(shape.object, ASSET) or {})["interfaces"]] == [
        ("cell-3", ["10.3.0.1"]), ("default", ["10.4.0.1"]),
    ]  # fmt: skip
    assert asked == [("North", "Z", "s1", "7", "10.3.0.1"), ("North", "Z", "s1", "7", "10.4.0.1")]
    assert shape.id == builder().asset("a", name="n").id == builder().asset_id("a")


def test_endpoints_are_named_by_vantage_and_address() -> None:
    stix = builder()
    assert stix.endpoint("10.0.0.9", vantage="s1").id == stix.endpoint(" 10.0.0.9/24", vantage="s1", zone="Z").id
    assert stix.endpoint("10.0.0.9", vantage="s1").id != stix.endpoint("10.0.0.9", vantage="s2").id
    known = facts(stix.endpoint("8.8.8.8", vantage="s1").object, ASSET) or {}
    assert (known["kind"], known["native_id"], known["asset_class"]) == ("endpoint", "endpoint:s1:8.8.8.8", "external")
    assert "asset_class" not in (facts(stix.endpoint("10.0.0.9").object, ASSET) or {})


def test_a_communication_is_one_per_pair_whatever_the_time() -> None:
    stix = builder()
    early = stix.communication(A, B, first_seen=5)
    late = stix.communication(A, B, first_seen=500, services=[Service("modbus")])
    assert early.id == late.id
    known = facts(SHAPES["communication"](stix).object, COMMUNICATION) or {}
    assert known["services"] == [
        {"protocol": "modbus", "transport": "tcp", "port": 502, "function_codes": [3, 16]}, {"protocol": "s7comm"},
    ]  # fmt: skip
    assert known["windows"] == [{"start": AT, "seconds": 3600, "part": "conn.log", "connections": 3, "bytes_out": 10}]


def test_an_alert_in_two_states_is_two_versions_of_the_same_objects() -> None:
    def state(status: str, modified: int, last_seen: int) -> Shape:
        return builder().alert(
            "al", title="t", first_seen=1_700_000_000, last_seen=last_seen, status=status, modified=modified, rule=Rule("r"),
            observables=[builder().ip("10.0.0.1")],
        )  # fmt: skip

    opened, closed = state("open", 1_700_000_100, 1_700_000_050), state("closed", 1_700_000_900, 1_700_000_800)
    assert [obj["id"] for obj in opened] == [obj["id"] for obj in closed]
    assert opened.object["created"] == closed.object["created"]
    assert opened.object["modified"] < closed.object["modified"]
    assert (facts(closed.object, ALERT) or {})["status"] == "closed"


def test_a_rule_makes_a_sighting_and_none_makes_an_incident() -> None:
    stix = builder()
    assert SHAPES["alert with rule"](stix).object["type"] == "sighting"
    incident = SHAPES["alert without rule"](stix)
    assert incident.object["type"] == "incident"
    targets = {obj["target_ref"] for obj in incident if obj["type"] == "relationship"}
    assert stix.asset_id("a-17") in targets


def test_a_cve_is_everybodys_and_its_state_is_the_assets() -> None:
    here, there = builder(), builder(source_id="other", connector="tenable-ot")
    one = here.exposure(here.asset_id("a"), "CVE-2024-0001", state="open")
    two = there.exposure(there.asset_id("a"), "cve-2024-0001", state="accepted")
    assert one[0]["id"] == two[0]["id"]
    assert one.id != two.id
    assert (facts(two.object, EXPOSURE) or {})["state"] == "accepted"


def test_findings_of_one_vulnerability_on_one_asset_are_told_apart_where_the_source_does() -> None:
    stix = builder()

    def found(state: str, finding: str | None) -> dict[str, Any]:
        return stix.exposure(stix.asset_id("a"), "CVE-2024-0001", state=state, finding=finding).object

    whole, viewer, reader = found("open", None), found("open", "viewer 1"), found("open", "reader 1")
    assert len({each["id"] for each in (whole, viewer, reader)}) == 3
    assert found("resolved", " viewer 1 ")["id"] == viewer["id"]
    assert found("open", "")["id"] == whole["id"]
    assert viewer["extensions"][EXPOSURE]["native_id"] == "viewer 1"
    assert "native_id" not in whole["extensions"][EXPOSURE]


@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("native id", lambda stix: stix.asset("", name="n")),
        ("native id", lambda stix: stix.asset(None, name="n")),
        ("native id", lambda stix: stix.alert(" ", title="t", first_seen=5)),
        ("not a time", lambda stix: stix.asset("a", name="n", first_seen="soon")),
        ("state", lambda stix: stix.exposure(A, "CVE-2024-0001", state="bad")),
        ("likelihood", lambda stix: stix.exposure(A, "CVE-2024-0001", state="open", likelihood="sure")),
        ("cvss", lambda stix: stix.exposure(A, "CVE-2024-0001", state="open", cvss=11)),
        ("status", lambda stix: stix.alert("a", title="t", first_seen=5, status="NEW")),
        ("severity", lambda stix: stix.alert("a", title="t", first_seen=5, severity=101)),
        ("location needs", lambda stix: stix.location("Plant")),
        ("says nothing", lambda stix: stix.user_account()),
        ("name or a hash", lambda stix: stix.file()),
        ("says nothing", lambda stix: stix.ip("0.0.0.0")),
        ("not an IP", lambda stix: stix.endpoint("host")),
        ("at least one", lambda stix: stix.observed([], first_observed=5)),
        ("needs an object", lambda stix: stix.note("x", [])),
        ("first observation", lambda stix: stix.observed([stix.ip("10.0.0.1")], first_observed=0)),
    ],
)
def test_what_has_no_meaning_is_refused(what: str, make: Callable[[Builder], Shape]) -> None:
    with pytest.raises(RecordError, match=what):
        make(builder())


def test_no_time_is_ever_invented() -> None:
    with pytest.raises(RecordError, match="observed_at"):
        Builder().asset("a", name="n")
    told = Builder().asset("a", name="n", modified=AT)
    assert (told.object["created"], told.object["modified"]) == (AT, AT)


def test_even_the_epoch_is_meant_as_a_time_of_observation() -> None:
    shape = builder(observed_at="1970-01-01T00:00:00.000Z").asset("a", name="n")
    assert shape.object["modified"] == "1970-01-01T00:00:00.000Z"
    check(shape.object)


def test_created_never_follows_modified() -> None:
    shape = builder().asset("a", name="n", created="2024-06-01", modified="2024-05-01", first_seen="2024-07-01")
    assert shape.object["created"] == shape.object["modified"] == "2024-05-01T00:00:00.000Z"
    swapped = builder().asset("a", name="n", first_seen="2024-03-02", last_seen="2024-03-01").object
    assert swapped["first_seen"] < swapped["last_seen"]


def test_a_shape_is_an_immutable_sequence() -> None:
    shape = builder().endpoint("10.0.0.9")
    assert len(shape) == len(list(shape)) == 3
    assert shape[0]["type"] == "ipv4-addr"
    assert shape[-1]["type"] == "relationship"
    with pytest.raises(TypeError):
        shape[0] = {}  # type: ignore[index]


def test_shared_objects_are_not_shared_in_memory() -> None:
    stix = builder()
    one = stix.asset("a", name="n", software=["x"])
    two = stix.asset("b", name="n", software=["x"])
    one[0]["x_mark"] = 1
    assert "x_mark" not in two[0]


def test_the_published_extensions_describe_what_the_builder_says() -> None:
    assert {obj["type"] for obj in extension_objects()} == {"identity", "extension-definition"}
    for obj in extension_objects():
        check(obj)
        assert decode(encode(obj)) == obj
        assert not validate_instance(obj, OPTIONS).errors
        stix2.parse(copy.deepcopy(obj))


def test_no_two_parts_of_the_builder_define_the_same_name() -> None:
    """They share one namespace: of two definitions the second would silently never be called."""
    names = [name for part in Builder.__mro__[:-1] for name in vars(part) if not name.startswith("__")]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_an_alert_is_known_by_its_id_before_it_comes() -> None:
    assert builder().alert("al-3", title="Odd", first_seen=1_700_000_000).id == builder().incident_id("al-3")
