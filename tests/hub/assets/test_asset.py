"""One resolved asset from its members: what each source says is kept, and one statement of each attribute is believed."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from isthmus_hub.assets._asset import Member, mint
from isthmus_hub.assets._asset import resolved_asset as resolved
from isthmus_sdk import stix


def member(source: str, at: str, **facts: Any) -> dict[str, Any]:
    builder = stix.Builder(source_id=source, connector=source, observed_at=at)
    return dict(builder.asset("x", name=f"{source}-name", modified=at, **facts).object)


OT = member(
    "ot",
    "2026-03-01T00:00:00.000Z",
    asset_class="hmi",
    firmware="V4",
    roles=["consumer"],
    first_seen="2025-01-01T00:00:00.000Z",
)
EDR = member(
    "edr",
    "2026-03-02T00:00:00.000Z",
    asset_class="workstation",
    model="OptiPlex",
    roles=["client"],
    first_seen="2025-06-01T00:00:00.000Z",
)
ID = mint(OT["id"])


def resolved_asset(id: str, bodies: Any, *, hub: str) -> dict[str, Any]:
    """All of them with the change times of their vendors."""
    return resolved(id, [Member(body, body["modified"]) for body in bodies], hub=hub)


def facts_of(body: dict[str, Any]) -> dict[str, Any]:
    found = stix.facts(body, stix.ASSET)
    assert found is not None
    return dict(found)


def test_the_order_of_members_does_not_matter() -> None:
    third = member("cmdb", "2026-02-01T00:00:00.000Z", asset_class="server", vendor="Siemens")
    made = [resolved_asset(ID, order, hub="h") for order in permutations([OT, EDR, third])]
    assert all(body == made[0] for body in made)
    stix.check(made[0])


def test_a_telling_class_is_believed_before_a_generic_newer_one() -> None:
    assert facts_of(resolved_asset(ID, [OT, EDR], hub="h"))["asset_class"] == "hmi"


def test_each_attribute_comes_from_the_newest_source_that_states_it() -> None:
    facts = facts_of(resolved_asset(ID, [OT, EDR], hub="h"))
    assert (facts["firmware"], facts["model"]) == ("V4", "OptiPlex")
    assert facts["roles"] == ["client", "consumer"]
    assert facts["first_seen"] == "2025-01-01T00:00:00.000Z"


def test_an_address_seen_talking_tells_less_than_a_device_s_own_record() -> None:
    endpoint = dict(
        stix.Builder(source_id="ndr", connector="zeek", observed_at="2026-04-01T00:00:00.000Z")
        .endpoint("10.0.0.1")
        .object
    )
    body = resolved_asset(ID, [OT, endpoint], hub="h")
    assert body["name"] == "ot-name"
    assert facts_of(body)["kind"] == "asset"


def test_a_split_gets_an_id_of_its_own() -> None:
    assert mint(OT["id"], 1) != mint(OT["id"]) == ID


def test_when_somebody_looked_decides_nothing() -> None:
    early, late = "2026-03-01T00:00:00.000Z", "2026-03-09T00:00:00.000Z"
    names = set()
    for one, other in ((early, late), (late, early)):
        members = [Member(member("edr", one, hostname="a")), Member(member("ot", other, hostname="A"))]
        names.add(resolved(ID, members, hub="h")["name"])
    assert len(names) == 1
