"""What lands in the directory, and what a failing disk does."""

from __future__ import annotations

import errno
import os

import pytest
import stix2
from tests.hub.delivery.doubles import asset
from tests.interop.plant import objects
from tests.interop.room import RealRoom

from isthmus_connectors.file import platform as module
from isthmus_connectors.file.platform import file
from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError, ServerFault


@pytest.fixture
def room(tmp_path):
    made = RealRoom(tmp_path / "room", file, {"directory": str(tmp_path / "out")}, {})
    yield made
    made.close()


def session(directory):
    return file.open("drop", {"directory": str(directory)})


def bundles(directory):
    return {path.name: stix.decode(path.read_bytes()) for path in sorted(directory.iterdir())}


def test_bundles_hold_exactly_what_was_published_and_stix2_reads_them(room, tmp_path):
    published = objects(30)
    room.publish(*published)
    report = room.deliverer.run_once()
    assert report.error is None
    written = {}
    for path in (tmp_path / "out").iterdir():
        parsed = stix2.parse(path.read_text(), allow_custom=False)
        assert parsed.type == "bundle"
        for obj in stix.decode(path.read_bytes())["objects"]:
            assert obj["id"] not in written
            stix.check(obj)
            written[obj["id"]] = obj
    assert {obj["id"]: written[obj["id"]] for obj in published} == {obj["id"]: obj for obj in published}
    assert report.accepted == len(written) == report.incoming
    missing = {ref for obj in written.values() for _, ref in stix.refs(obj)} - set(written)
    assert not missing


def test_a_second_run_writes_nothing(room, tmp_path):
    room.publish(*objects())
    room.deliverer.run_once()
    before = bundles(tmp_path / "out")
    room.start().run_once()
    assert bundles(tmp_path / "out") == before


def test_the_same_batch_is_the_same_file_wherever_it_is_written(tmp_path):
    for name in ("one", "two"):
        drop = session(tmp_path / name)
        drop.prepare()
        batch = [record for n in range(3) for record in drop.encode(asset(n))]
        assert {verdict.outcome for verdict in drop.send(batch)} == {"accepted"}
        assert {verdict.outcome for verdict in drop.send(batch)} == {"duplicate"}
    one, two = bundles(tmp_path / "one"), bundles(tmp_path / "two")
    assert one == two
    ((name, bundle),) = one.items()
    assert name.startswith("isthmus-")
    assert name.endswith(".json")
    assert bundle["id"].startswith("bundle--")


@pytest.mark.parametrize("step", ["open", "fsync", "rename"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_loses_nothing_and_leaves_no_half_bundle(room, tmp_path, monkeypatch, step, code):
    def fail(*args, **more):
        raise OSError(code, os.strerror(code))

    room.publish(asset(1))
    room.deliverer.run_once()
    room.publish(asset(2))
    with monkeypatch.context() as broken:
        if step == "fsync":
            broken.setattr(module.os, "fsync", fail)
        else:
            broken.setattr(module.Path, step, fail)
        report = room.deliverer.run_once()
    assert (report.pending, report.rejected, report.group) == (1, 0, "retriable")
    assert len(bundles(tmp_path / "out")) == 1
    assert room.deliverer.run_once().accepted == 1
    assert len(bundles(tmp_path / "out")) == 2


def test_a_half_written_bundle_of_a_killed_run_is_removed(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".isthmus-0011.part").write_text('{"type":"bun')
    (out / "other.part").write_text("not ours")
    session(out).prepare()
    assert [path.name for path in out.iterdir()] == ["other.part"]


def test_a_directory_whose_parent_is_missing_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        session(tmp_path / "nowhere" / "out").prepare()


def test_a_path_that_is_a_file_is_a_configuration_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ConfigurationError, match="out"):
        session(tmp_path / "out").prepare()


def test_a_directory_that_cannot_be_written_is_a_configuration_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module.os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(ConfigurationError, match="cannot be written"):
        session(tmp_path).prepare()


def test_a_full_disk_is_something_that_passes():
    assert isinstance(module._fault(module.Path("out"), OSError(errno.ENOSPC, "No space left on device")), ServerFault)


def test_the_check_names_the_directory(tmp_path):
    assert str(tmp_path) in session(tmp_path / "out").check()[0]
