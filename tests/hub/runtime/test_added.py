"""Connectors of third parties: what is refused, what is granted, where they run, and what a crash leaves."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.hub.runtime.wheels import CODE, hash_of, wheel

from isthmus_hub.hub import Hub
from isthmus_hub.runtime.environments import AddedConnectors, Grant, _added
from isthmus_hub.runtime.environments import _wheel as wheels
from isthmus_sdk.errors import ConfigurationError

Edit = Callable[[Path], None]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a hub to which `bolt` was added, with a start-up file that would tell on itself."""
    base = tmp_path_factory.mktemp("added")
    startup = f"import os; open({str(base / 'RAN')!r}, 'w')\n"
    path = wheel(base, files={"bolt.pth": startup})
    work = base / "work"
    work.mkdir()
    added = AddedConnectors(base / "state" / "connectors")
    added.add(added.offer(str(path), hash_of(path), work))
    assert not (base / "RAN").exists()
    return base


@pytest.fixture
def state(template: Path, tmp_path: Path) -> Path:
    """A copy of it; an environment is not moved, so its links are made anew by nothing but their targets."""
    copied = tmp_path / "state"
    shutil.copytree(template / "state", copied, symlinks=True)
    return copied


def offer(added: AddedConnectors, path: Path, work: Path) -> _added.Offer:
    return added.offer(str(path), hash_of(path), work)


def environment(state: Path) -> Path:
    return next((state / "connectors" / "bolt").glob("env-*/"))


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_file_with_another_hash_is_refused(tmp_path: Path, work: Path) -> None:
    path = wheel(tmp_path)
    with pytest.raises(ConfigurationError, match="not the one that was given"):
        AddedConnectors(tmp_path / "c").offer(str(path), "sha256:" + "0" * 64, work)


@pytest.mark.parametrize("digest", ["", "md5:00", "sha256:zz", "0" * 64])
def test_what_is_no_hash_is_refused(tmp_path: Path, work: Path, digest: str) -> None:
    with pytest.raises(ConfigurationError, match="--hash: write sha256:"):
        AddedConnectors(tmp_path / "c").offer(str(wheel(tmp_path)), digest, work)


def test_a_source_distribution_is_refused_because_building_runs_its_code(tmp_path: Path, work: Path) -> None:
    path = tmp_path / "bolt-1.0.0.tar.gz"
    path.write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="runs its code"):
        offer(AddedConnectors(tmp_path / "c"), path, work)


def test_a_file_that_is_not_the_recorded_one_is_refused_and_nothing_is_left(tmp_path: Path, work: Path) -> None:
    added = AddedConnectors(tmp_path / "c")
    path = wheel(tmp_path, damage={"bolt_connector/connector.py": b"import os"})
    with pytest.raises(ConfigurationError, match="not the file that its RECORD names"):
        added.add(offer(added, path, work))
    assert added.found() == []
    assert list((tmp_path / "c" / "bolt").iterdir()) == []


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "a/../../out.py", "a\\..\\out.py"])
def test_a_name_that_leads_out_of_the_environment_is_refused(tmp_path: Path, work: Path, name: str) -> None:
    path = wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(ConfigurationError, match="would not stay in its folder"):
        offer(AddedConnectors(tmp_path / "c"), path, work)


def test_a_link_in_a_wheel_is_refused(tmp_path: Path, work: Path) -> None:
    path = wheel(tmp_path)
    entry = zipfile.ZipInfo("bolt_connector/vault")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(ConfigurationError, match="would not stay in its folder"):
        offer(AddedConnectors(tmp_path / "c"), path, work)


def test_a_wheel_that_is_a_bomb_is_refused(tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "MOST_BYTES", 10_000)
    path = wheel(tmp_path, files={"bolt_connector/data.txt": "0" * 20_000})
    with pytest.raises(ConfigurationError, match="holds more than"):
        offer(AddedConnectors(tmp_path / "c"), path, work)


def test_what_it_needs_and_nobody_gave_is_named_with_the_remedy(tmp_path: Path, work: Path) -> None:
    added = AddedConnectors(tmp_path / "c")
    path = wheel(tmp_path, requires=("isthmus-sdk>=0.1", "nowhere-to-be-found>=2", "httpx<0.1", "isthmus"))
    with pytest.raises(ConfigurationError, match="--requirements LOCK") as caught:
        added.add(offer(added, path, work))
    for part in ("nowhere-to-be-found>=2", "httpx<0.1 (needed by bolt-connector): 0.", "isthmus (needed by"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"entry": False}, "0 entry points"),
        ({"tag": "cp27-cp27m-win32"}, "not made for this machine"),
        ({"name": "zeek"}, "installed with the hub itself"),
        ({"more": "[nonsense]"}, "unknown table"),
        ({"more": "[secrets.other]\nrequired = 7"}, "secrets.other.required"),
    ],
)
def test_a_wheel_that_is_no_connector_for_this_hub_is_refused(
    tmp_path: Path, work: Path, made: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        offer(AddedConnectors(tmp_path / "c"), wheel(tmp_path, **made), work)


# -- what is granted ---------------------------------------------------------------------------------------------------


def test_what_it_asks_for_is_read_without_running_it(tmp_path: Path, work: Path) -> None:
    path = wheel(tmp_path, code="raise SystemExit", more='[origins]\nlogin = "https://login.bolt.example"')
    found = offer(AddedConnectors(tmp_path / "c"), path, work)
    assert found.asks.origins == ("https://bolt.example", "https://login.bolt.example")
    assert found.asks.secrets == ("token",)
    assert found.new == found.asks


def test_a_new_version_asks_for_consent_to_the_difference(state: Path, tmp_path: Path, work: Path) -> None:
    added = AddedConnectors(state / "connectors")
    same = offer(added, wheel(tmp_path, version="1.1.0"), work)
    assert not same.new
    assert same.former is not None
    more = offer(
        added, wheel(tmp_path, version="1.2.0", more='[secrets.admin]\n[origins]\nx = "https://x.example"'), work
    )
    assert list(more.new.lines()) == ["origins: https://x.example", "secrets: admin"]


def test_a_manifest_that_asks_for_more_than_was_granted_does_not_run(state: Path) -> None:
    manifest = next(environment(state).glob("lib/*/site-packages/bolt_connector/connector.toml"))
    manifest.write_text(manifest.read_text() + '[origins]\nx = "https://evil.example"\n')
    added = AddedConnectors(state / "connectors")
    [found] = added.found()
    assert found.manifest is None
    assert found.error is not None
    assert "origins: https://evil.example" in found.error
    assert "isthmus connector add" in found.error


def change(place: Path) -> None:
    place.write_bytes(place.read_bytes() + b"\n")


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        ("bolt_connector/connector.py", change, "changed: "),
        ("isthmus_sdk/worker.py", change, "changed: "),
        ("bolt_connector/connector.py", Path.unlink, "missing: "),
        ("bolt_connector/more.py", Path.touch, "not from its wheels: "),
        ("more.pth", Path.touch, "not from its wheels: "),
        ("../../../pyvenv.cfg", change, "changed: pyvenv.cfg"),
        ("link", lambda place: place.symlink_to("/etc"), "not from its wheels: "),
    ],
)
def test_a_changed_environment_does_not_run(state: Path, file: str, edit: Edit, said: str) -> None:
    added = AddedConnectors(state / "connectors")
    added.verify("bolt")
    edit(next(environment(state).glob("lib/*/site-packages")) / file)
    with pytest.raises(ConfigurationError, match="no longer what was added") as caught:
        added.verify("bolt")
    assert said in str(caught.value)


def test_another_python_means_adding_it_again(state: Path) -> None:
    file = state / "connectors" / "bolt" / "grant.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "python": "3.8"}))
    with pytest.raises(ConfigurationError, match=r"is for Python 3\.8"):
        AddedConnectors(state / "connectors").verify("bolt")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', "\0"])
def test_a_broken_grant_is_named_and_hides_nothing_else(state: Path, text: str) -> None:
    (state / "connectors" / "other").mkdir()
    (state / "connectors" / "other" / "grant.json").write_text(text)
    found = {each.name: each.error for each in AddedConnectors(state / "connectors").found()}
    assert found["bolt"] is None
    assert "cannot be read as a grant" in str(found["other"])


def test_a_grant_moved_to_another_name_is_none(state: Path) -> None:
    shutil.copytree(state / "connectors" / "bolt", state / "connectors" / "nut", symlinks=True)
    with pytest.raises(ConfigurationError, match="cannot be read as a grant"):
        AddedConnectors(state / "connectors").verify("nut")


# -- what a crash leaves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["build", "record", "save"])
def test_a_crash_in_the_middle_leaves_the_old_one(
    state: Path, tmp_path: Path, work: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = AddedConnectors(state / "connectors")
    new = offer(added, wheel(tmp_path, version="2.0.0"), work)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Grant if point == "save" else _added, point, die)
    with pytest.raises(KeyboardInterrupt):
        added.add(new)
    [found] = added.found()
    assert (found.version, found.error) == ("1.0.0", None)
    added.verify("bolt")


def test_an_upgrade_replaces_and_sweeps_what_is_left_of_earlier_ones(state: Path, tmp_path: Path, work: Path) -> None:
    added = AddedConnectors(state / "connectors")
    stray = state / "connectors" / "bolt" / "env-stray"
    stray.mkdir()
    added.add(offer(added, wheel(tmp_path, version="2.0.0"), work))
    [found] = added.found()
    assert (found.version, found.error) == ("2.0.0", None)
    added.verify("bolt")
    assert not stray.exists()
    assert len(list((state / "connectors" / "bolt").glob("env-*/"))) == 2, "workers of the former one may still run"


def test_a_removed_connector_is_gone(state: Path) -> None:
    added = AddedConnectors(state / "connectors")
    added.remove("bolt")
    assert (added.found(), list((state / "connectors").glob("bolt"))) == ([], [])
    with pytest.raises(ConfigurationError, match="was not added"):
        added.remove("bolt")
    for name in ("../bolt", "", "."):
        with pytest.raises(ConfigurationError, match="was not added"):
            added.remove(name)


# -- where it runs -----------------------------------------------------------------------------------------------------


def hub(state: Path, folder: Path, more: str = "") -> Hub:
    (folder / "rows.json").write_text(json.dumps({"rows": [{"id": "7"}]}))
    (folder / "isthmus.toml").write_text(
        f'[hub]\nname = "h"\n[connector.b]\nuse = "bolt"\nsource_id = "b"\nfiles = {{ rows = "rows.json" }}\n{more}'
    )
    return Hub.open(state, folder / "isthmus.toml", environ={})


def test_it_runs_from_its_own_environment_and_its_start_up_file_never(
    state: Path, template: Path, tmp_path: Path
) -> None:
    with hub(state, tmp_path) as made:
        plan = made.plan("b")
        assert plan.bare
        assert plan.python == environment(state) / "bin" / "python"
        [run] = made.sync()["runs"]
    assert (run["error"], run["records"], run["mapped"]) == (None, 1, 1)
    assert not (template / "RAN").exists()


def test_neither_the_hubs_packages_nor_its_own_start_up_file_are_there(state: Path, tmp_path: Path, work: Path) -> None:
    looks = "import importlib.util, sys\nassert not importlib.util.find_spec('isthmus_hub')\nassert not importlib.util.find_spec('typer')\n"
    looks += "assert sys.flags.no_site\n"
    added = AddedConnectors(state / "connectors")
    added.add(offer(added, wheel(tmp_path, version="3.0.0", code=looks + CODE), work))
    with hub(state, tmp_path) as made:
        [run] = made.sync()["runs"]
    assert (run["error"], run["mapped"]) == (None, 1)


def test_a_changed_one_is_refused_at_the_start_of_a_run_and_others_run(state: Path, tmp_path: Path) -> None:
    other = '[connector.z]\nuse = "zeek"\nsource_id = "z"\nfiles = { conn = "none-*.log" }\n'
    with hub(state, tmp_path, other) as made:
        change(next(environment(state).glob("lib/*/site-packages/bolt_connector/connector.py")))
        errors = {run["instance"]: run["error"] for run in made.sync()["runs"]}
        assert "no longer what was added" in made.status()["instances"][0]["error"]
    assert errors["z"] is None
    assert "no longer what was added" in errors["b"]["message"]


def test_an_upgrade_is_in_force_at_the_next_run_of_the_same_hub(state: Path, tmp_path: Path, work: Path) -> None:
    with hub(state, tmp_path) as made:
        before = made.plan("b").path
        made.added.add(offer(made.added, wheel(tmp_path, version="2.0.0"), work))
        assert made.plan("b").path != before
        [run] = made.sync()["runs"]
    assert run["error"] is None
