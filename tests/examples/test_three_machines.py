"""The example of three machines: its files are right, and run as they are they give the inventory of one hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.hub.forward.machines import COLLECTORS, EXAMPLE, HUBS, PASSWORDS, Machines, machines

from isthmus_hub import config
from isthmus_hub.bus import JetStreamBus, NatsAccess
from isthmus_hub.hub import Hub
from isthmus_sdk import manifest
from isthmus_sdk.errors import AuthenticationError, IsthmusError

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", HUBS)
def test_a_configuration_reads_without_a_problem_or_a_doubt_and_fits_what_it_configures(name):
    loaded = config.load(EXAMPLE / f"{name}.toml", environ={})
    assert loaded.warnings == ()
    assert loaded.hub.name == name
    assert loaded.resolves is (name == "centre")
    found: dict[str, dict[str, object]] = {"connector": {}, "platform": {}}
    for kind, manifests in found.items():
        for file in (ROOT / "connectors" / "isthmus_connectors").glob(f"*/{kind}.toml"):
            read = manifest.read(file)
            manifests[read.name] = read.for_configuration()
    config.check_settings(loaded, found["connector"], platforms=found["platform"])


def test_every_file_of_the_example_is_named_in_its_readme():
    page = (EXAMPLE / "README.md").read_text()
    for file in EXAMPLE.iterdir():
        assert file.name == "README.md" or f"]({file.name})" in page


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Machines:
    """The three machines after one pass of each."""
    with machines(tmp_path_factory.mktemp("machines")) as made:
        made.passes = {hub: made.run(hub, "sync") for hub in (*COLLECTORS, "centre", "alone")}
        yield made


def account(hub: Hub) -> tuple[set[str], set[frozenset[tuple[str, str, str]]]]:
    """Observed ids, and the partition into assets."""
    return {json.loads(encoded)["id"] for encoded in hub.export("observed")}, {
        frozenset((member["instance"], member["stream"], member["native_id"]) for member in asset["members"])
        for asset in hub.assets()["assets"]
    }


def test_the_centres_inventory_is_that_of_one_hub_that_reads_everything(site):
    for hub, (code, found, err) in site.passes.items():
        assert code in (0, 4), (hub, err)
        assert [run["error"] for run in found["runs"]] == [None] * len(found["runs"])
    with site.open("centre") as centre, site.open("alone") as alone:
        seen, assets = account(centre)
        assert len(assets) >= 20
        assert (seen, assets) == account(alone)
    for hub in COLLECTORS:
        forward = site.passes[hub][1]["forward"]
        assert (forward["link"], forward["durability"], forward["pending"]) == ("up", "flushed", 0)
        assert forward["warnings"] == []


def test_the_centre_knows_when_each_collector_was_heard(site):
    code, status, _ = site.run("centre", "status")
    assert code == 0
    assert [(row["name"], row["role"], row["pending"]) for row in status["hubs"]] == [
        (name, "collector", 0) for name in COLLECTORS
    ]
    assert all(row["last_block"] and row["instances"] for row in status["hubs"])
    assert status["conflicts"] == []
    assert status["bus"]["durability"] == "flushed"


def test_a_collectors_link_is_checked(site):
    code, found, err = site.run("collector-a", "check", "forward")
    assert code == 0, err
    assert "durability flushed" in found["findings"][0]
    code, found, _ = site.run("collector-a", "doctor")
    assert {"level": "ok", "subject": "forward"}.items() <= next(
        row for row in found["findings"] if row["subject"] == "forward"
    ).items()


def access(site: Machines, name: str, password: str | None = None) -> NatsAccess:
    return NatsAccess(
        (f"tls://localhost:{site.port}",),
        username=name,
        password=password or PASSWORDS[name],
        ca=str(site.folder / "ca.pem"),
    )


def test_a_collector_may_not_read_what_was_resolved_nor_remove_anything(site):
    with JetStreamBus(access(site, "collector-a")) as bus:
        assert bus.end("observed") > 0
        link = bus._link
        for subject in (
            "DIRECT.GET.isthmus_resolved",
            "STREAM.PURGE.isthmus_observed",
            "STREAM.DELETE.isthmus_observed",
        ):
            with pytest.raises(IsthmusError, match="permissions violation"):
                link.call(link.request(subject, {"last_by_subj": ">"}, patience=0.0))


def test_without_its_password_a_collector_is_refused_and_the_message_does_not_hold_what_was_tried(site):
    with pytest.raises(AuthenticationError) as raised:
        JetStreamBus(access(site, "collector-a", "guessed-password"))
    assert "guessed" not in str(raised.value)


def test_a_server_whose_certificate_is_not_of_the_named_authority_is_not_talked_to(site):
    strange = access(site, "collector-a")
    with pytest.raises(IsthmusError, match=r"(?i)certificate"):
        JetStreamBus(NatsAccess(strange.servers, username=strange.username, password=strange.password))
