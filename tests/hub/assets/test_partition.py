"""Which observed assets are one device: rules, vetoes, poison, and independence of order."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus_hub.assets import observation, partition


def seen(native: str, source: str = "edr", **facts: Any) -> Any:
    """An observed asset of one source."""
    return observation(
        f"infrastructure--{source}-{native}", {"native_id": native, "source_id": source, "connector": source, **facts}
    )


def at(ip: str, source: str = "ndr", scope: str = "default") -> Any:
    """An address seen talking."""
    return seen(f"endpoint:{scope}:{ip}", source, kind="endpoint", interfaces=[{"ips": [ip], "scope": scope}])


def groups(*observed: Any) -> list[set[str]]:
    return [{id.removeprefix("infrastructure--") for id in cluster} for cluster in partition(observed).clusters]


def test_two_sources_that_agree_on_a_serial_know_one_device() -> None:
    assert groups(seen("1", serial="SN4711X"), seen("a", "ot", serial="sn4711x")) == [{"edr-1", "ot-a"}]


def test_two_sources_that_agree_on_a_host_name_know_one_device_whatever_the_domain() -> None:
    assert groups(seen("1", hostname="HMI-01.corp.example"), seen("a", "ot", hostname="hmi-01")) == [{"edr-1", "ot-a"}]


def test_a_serial_that_one_source_gives_to_two_devices_links_nothing() -> None:
    observed = [seen("1", "ot", serial="SN4711X"), seen("2", "ot", serial="SN4711X"), seen("a", serial="SN4711X")]
    assert len(groups(*observed)) == 3


def test_placeholder_serials_link_nothing() -> None:
    for serial in ("123456789", "To be filled by O.E.M.", "0000000", "n/a"):
        assert len(groups(seen("1", serial=serial), seen("a", "ot", serial=serial))) == 2


def test_the_same_serial_of_two_makers_is_two_devices() -> None:
    assert (
        len(groups(seen("1", serial="10042A", vendor="Siemens AG"), seen("a", "ot", serial="10042A", vendor="Moxa")))
        == 2
    )


def test_a_gateway_address_behind_many_devices_merges_none_of_them() -> None:
    behind = [
        seen(str(number), "ot", interfaces=[{"mac": "00:1b:1b:00:00:01", "ips": [f"10.0.0.{number}"]}])
        for number in range(1, 8)
    ]
    router = seen("router", interfaces=[{"mac": "00:1b:1b:00:00:01", "ips": ["10.0.0.254"]}])
    assert len(groups(*behind, router)) == 8


def test_a_locally_administered_hardware_address_links_nothing() -> None:
    mac = "02:42:ac:11:00:02"
    assert len(groups(seen("1", interfaces=[{"mac": mac}]), seen("a", "ot", interfaces=[{"mac": mac}]))) == 2


def test_different_host_names_veto_a_shared_hardware_address() -> None:
    mac = [{"mac": "00:1b:1b:00:00:01"}]
    assert (
        len(groups(seen("1", hostname="alpha", interfaces=mac), seen("a", "ot", hostname="beta", interfaces=mac))) == 2
    )


def test_two_native_ids_of_one_source_never_become_one_device_through_a_third() -> None:
    observed = [
        seen("1", hostname="alpha"),
        seen("2", serial="SN4711X"),
        seen("a", "ot", hostname="alpha", serial="SN4711X"),
    ]
    clusters = groups(*observed)
    assert len(clusters) == 2
    assert {"edr-1"} in clusters, "the serial is believed before the host name"


def test_an_address_seen_talking_joins_the_one_device_that_has_it_in_that_scope() -> None:
    plc = seen("plc", "ot", interfaces=[{"ips": ["192.168.10.20"], "scope": "cell-1"}])
    twin = seen("twin", "ot", interfaces=[{"ips": ["192.168.10.20"], "scope": "cell-2"}])
    assert {"ot-plc", "ndr-endpoint:cell-1:192.168.10.20"} in groups(plc, twin, at("192.168.10.20", scope="cell-1"))


def test_an_address_that_two_devices_could_have_stays_on_its_own() -> None:
    one, two = (seen(name, name, interfaces=[{"ips": ["10.0.0.9"], "scope": "default"}]) for name in ("a", "b"))
    assert {"ndr-endpoint:default:10.0.0.9"} in groups(one, two, at("10.0.0.9"))


def test_two_sensors_that_hear_one_unknown_address_hear_one_device() -> None:
    assert len(groups(at("10.0.0.9", "ndr-1"), at("10.0.0.9", "ndr-2"))) == 1


facts = st.fixed_dictionaries(
    {},
    optional={
        "serial": st.sampled_from(["SN1111", "SN2222", "SN3333", "123456789"]),
        "hostname": st.sampled_from(["alpha", "beta", "gamma.example"]),
        "vendor": st.sampled_from(["Siemens", "Moxa"]),
        "interfaces": st.lists(
            st.fixed_dictionaries(
                {
                    "mac": st.sampled_from(["00:1b:1b:00:00:01", "00:1b:1b:00:00:02"]),
                    "ips": st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), max_size=1),
                }
            ),
            max_size=2,
        ),
        "kind": st.sampled_from(["asset", "endpoint"]),
    },
)


@given(
    st.lists(st.tuples(st.sampled_from(["edr", "ot", "ndr"]), facts), max_size=12), st.randoms(use_true_random=False)
)
@settings(max_examples=300, deadline=None)
def test_the_partition_depends_on_what_was_observed_and_not_on_its_order(
    content: list[Any], shuffle: random.Random
) -> None:
    observed = [seen(str(number), source, **given_facts) for number, (source, given_facts) in enumerate(content)]
    mixed = list(observed)
    shuffle.shuffle(mixed)
    assert partition(observed).clusters == partition(mixed).clusters
    for cluster in partition(observed).clusters:
        devices = [item for item in observed if item.id in cluster and item.values("serial") and not item.endpoint]
        assert len({item.source for item in devices}) == len(devices), "one device of each source at most"
