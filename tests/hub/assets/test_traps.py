"""What real sources do that makes one device look like two, or two like one; each trap by itself."""

from __future__ import annotations

from typing import Any

from isthmus_hub.assets import Identifier, IdentityIndex, Observation, observation, partition

WINDOWS = {"operating_system": "Windows 11", "vendor": "Dell Inc.", "model": "Latitude 5440"}
FIRST, EARLY, LATE, LAST = (f"2026-05-{day:02d}T00:00:00.000Z" for day in (1, 10, 20, 30))
CABLE, WIRELESS, OTHER = "d0:94:66:00:00:01", "2a:1b:2c:00:00:07", "d0:94:66:00:00:02"


def seen(source: str, native: str, *cards: tuple[str, str], scope: str = "plant", **facts: Any) -> Observation:
    """A record with its adapters as (MAC, address)."""
    interfaces = [{"mac": mac, "ips": [ip] if ip else [], "scope": scope} for mac, ip in cards]
    known = {"connector": source, "source_id": "north", "native_id": native, "interfaces": interfaces, **facts}
    return observation(f"infrastructure--{source}-{native}", known)


def devices(*observed: Observation) -> list[set[str]]:
    return [{id.removeprefix("infrastructure--") for id in cluster} for cluster in partition(observed).clusters]


def agent(native: str, *cards: tuple[str, str], **facts: Any) -> Observation:
    """What an agent says of the device it runs on."""
    identifiers = [{"kind": "agent_id", "value": f"agent-{native}"}]
    return seen("edr", native, *cards, identifiers=identifiers, **{"first_seen": FIRST, "last_seen": LAST, **facts})


def lease(mac: str, ip: str, name: str = "", first: str = FIRST, last: str = LAST) -> Observation:
    """What a DHCP server says of an adapter."""
    return seen("dhcp", mac, (mac, ip), hostname=name, first_seen=first, last_seen=last)


# -- one device that looks like several ----------------------------------------------------------------------------------


def test_leases_of_cable_and_wireless_are_one_laptop_where_its_agent_lists_both() -> None:
    laptop = agent("1", (CABLE, "10.0.0.1"), (WIRELESS, "10.0.0.2"), hostname="laptop-7")
    assert len(devices(laptop, lease(CABLE, "10.0.0.1"), lease(WIRELESS, "10.0.0.2"))) == 1


def test_leases_under_the_name_that_an_agent_says_are_adapters_of_its_device() -> None:
    laptop = agent("1", (CABLE, "10.0.0.1"), hostname="laptop-7")
    leases = lease(CABLE, "10.0.0.1", "Laptop-7"), lease(WIRELESS, "10.0.0.2", "laptop-7.north.example")
    assert len(devices(laptop, *leases)) == 1


def test_leases_of_one_name_that_no_agent_says_stay_apart() -> None:
    assert len(devices(lease(WIRELESS, "10.0.0.1", "iPhone"), lease("2a:1b:2c:00:00:08", "10.0.0.2", "iPhone"))) == 2


def test_a_workstation_in_two_networks_is_one_device() -> None:
    station = agent("1", (CABLE, "10.0.0.1"), (OTHER, "192.168.1.9"), hostname="ews01")
    in_cell = seen("ndr", "9", (OTHER, "192.168.1.9"), scope="cell-1", last_seen=LAST)
    in_office = seen("ndr", "10", (CABLE, "10.0.0.1"), scope="office", last_seen=LAST)
    assert len(devices(station, in_cell, in_office)) == 1


def test_a_computer_that_was_set_up_anew_is_one_device_under_two_agent_ids() -> None:
    before = agent("1", (CABLE, ""), hostname="pc-1", serial="SN00471", last_seen=EARLY)
    after = agent("2", (CABLE, ""), hostname="pc-1", serial="SN00471", first_seen=LATE)
    record = seen("cmdb", "CI1", hostname="PC-1", serial="sn00471")
    assert len(devices(before, after, record)) == 1


def test_a_computer_set_up_anew_whose_serial_nobody_tells_is_proved_by_its_adapter() -> None:
    facts = {"hostname": "pc-1", "serial": "To be filled by O.E.M."}
    before = agent("1", (CABLE, ""), last_seen=EARLY, **facts)
    after = agent("2", (CABLE, ""), (WIRELESS, ""), first_seen=LATE, **facts)
    assert len(devices(before, after, lease(CABLE, "10.0.0.1"))) == 1


def test_a_computer_that_took_over_a_name_is_another_one_where_its_adapter_is_another() -> None:
    before = agent("1", (CABLE, ""), hostname="reception", last_seen=EARLY)
    after = agent("2", (OTHER, ""), hostname="reception", first_seen=LATE)
    without = agent("3", hostname="reception", first_seen=LATE)
    assert len(devices(before, after)) == len(devices(before, without)) == 2


def test_two_agents_that_live_at_the_same_time_are_two_devices_whatever_they_share() -> None:
    one, two = (agent(name, (CABLE, ""), hostname="pc-1", serial="SN00471") for name in "12")
    assert len(devices(one, two)) == 2


def test_an_address_that_never_changed_hands_makes_one_device_of_what_two_sensors_saw() -> None:
    one = seen("ndr", "1", ("", "192.168.1.5"), first_seen=FIRST, last_seen=LAST)
    two = seen("xdr", "a", ("", "192.168.1.5"), first_seen=EARLY, last_seen=LAST)
    assert len(devices(one, two)) == 1


# -- several devices that look like one ----------------------------------------------------------------------------------


def test_the_same_address_in_two_scopes_is_two_devices() -> None:
    one = seen("ndr", "1", ("", "192.168.1.5"), scope="cell-1", first_seen=FIRST, last_seen=LAST)
    two = seen("xdr", "a", ("", "192.168.1.5"), scope="cell-2", first_seen=FIRST, last_seen=LAST)
    assert len(devices(one, two)) == 2


def test_an_address_that_was_leased_to_one_and_then_to_another_joins_neither() -> None:
    first = lease(CABLE, "10.0.0.1", "pc-1", FIRST, EARLY)
    second = lease(OTHER, "10.0.0.1", "pc-2", LATE, LAST)
    scan = seen(
        "scan", "s", ("", "10.0.0.1"), first_seen="2026-05-15T00:00:00.000Z", last_seen="2026-05-15T00:00:00.000Z"
    )
    assert len(devices(first, second, scan)) == 3


def test_the_address_of_a_virtual_router_makes_no_device_of_the_pair() -> None:
    shared = ("00:00:5e:00:01:0a", "192.168.1.1")
    halves = [seen(source, source, (mac, ip), shared, last_seen=LAST) for source, mac, ip in (("ndr", CABLE, "192.168.1.2"), ("xdr", OTHER, "192.168.1.3"))]  # fmt: skip
    assert len(devices(*halves)) == 2


def test_the_address_of_a_container_bridge_makes_no_device_of_two_hosts() -> None:
    bridge = ("02:42:ac:11:00:02", "")
    assert len(devices(seen("edr", "1", (CABLE, ""), bridge), seen("cmdb", "2", (OTHER, ""), bridge))) == 2


def test_clones_of_one_template_stay_apart_and_keep_their_own_records() -> None:
    clones = [agent(name, (mac, ""), hostname=name, serial="VMware-56 4d 01") for name, mac in (("app-1", CABLE), ("app-2", OTHER))]  # fmt: skip
    records = [seen("cmdb", name, hostname=name, serial="VMware-56 4d 01") for name in ("app-1", "app-2")]
    assert devices(*clones, *records) == [{"cmdb-app-1", "edr-app-1"}, {"cmdb-app-2", "edr-app-2"}]


def test_a_name_that_was_given_to_a_successor_leaves_both_their_own_records() -> None:
    old = agent("1", (CABLE, "10.0.0.1"), hostname="reception", serial="SN00471", last_seen=EARLY, **WINDOWS)
    new = agent("2", (OTHER, "10.0.0.2"), hostname="reception", serial="SN00915", first_seen=LATE, **WINDOWS)
    scan = seen("scan", "s", ("", "10.0.0.2"), hostname="reception", operating_system="Windows 11", first_seen=LAST, last_seen=LAST)  # fmt: skip
    assert devices(old, new, scan) == [{"edr-1"}, {"edr-2", "scan-s"}]


def test_a_hardware_address_with_many_addresses_is_a_routers() -> None:
    behind = [seen(f"s{number}", "x", (CABLE, f"10.0.{number}.1"), last_seen=LAST) for number in range(6)]
    index = IdentityIndex()
    index.update(behind)
    assert Identifier("mac", CABLE) in index.poisoned
    assert len(index.clusters(index.observations)) == 6


def test_a_value_with_a_crowd_of_holders_links_nothing() -> None:
    crowd = [seen(f"source-{number}", "x", hostname="localhost-1") for number in range(41)]
    assert len(devices(*crowd)) == 41
    assert len(devices(*crowd[:40])) == 1


def test_what_fits_two_devices_as_well_is_left_undecided_and_told() -> None:
    pair = [seen(source, "x", ("", "10.0.0.1"), first_seen=FIRST, last_seen=LAST, serial=serial) for source, serial in (("ndr", "SN00471"), ("xdr", "SN00915"))]  # fmt: skip
    scan = seen("scan", "s", ("", "10.0.0.1"), first_seen=LAST, last_seen=LAST)
    index = IdentityIndex()
    index.update([*pair, scan])
    assert len(index.clusters(index.observations)) == 3
    assert {(one, two) for one, two, _ in index.undecided()} == {(pair[0].id, scan.id), (scan.id, pair[1].id)}
    refused = [each for each in index.evidence([scan.id]) if each.veto]
    assert {each.rule for each in refused} == {"likeness"}
    assert all("as like" in each.veto and "address" in each.value for each in refused)
