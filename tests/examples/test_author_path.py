"""The engineer's whole path, as the tutorial prints it: from ``new`` to the first record on the bus."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import isthmus_connectors
import isthmus_hub
import isthmus_sdk

from .acme_vendor import CLIENT, SECRET, AcmeVendor
from .environments import Environment, make_environment

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "acme_connector"
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
PARTIAL = 4
CODE = "acme_connector/connector.py"


@pytest.fixture
def vendor() -> Iterator[AcmeVendor]:
    server = AcmeVendor()
    yield server
    server.close()


def commands() -> list[list[str]]:
    """Every command that the tutorial prints, in order."""
    sessions = re.findall(r"^```console\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)
    return [line[2:].split() for session in sessions for line in session.splitlines() if line.startswith("$ ")]


def parts() -> list[tuple[str, str]]:
    """File of the example and what the tutorial shows of it."""
    return re.findall(r"^<!-- from: (\S+) -->\n```\w+\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)


def test_each_block_of_the_tutorial_is_a_part_of_the_example() -> None:
    assert len(parts()) >= 7
    for path, text in parts():
        assert text in (EXAMPLE / path).read_text(encoding="utf-8"), f"{path} has no such part:\n{text}"


def test_the_tutorial_shows_the_whole_connector_but_its_imports() -> None:
    shown = "".join(text for path, text in parts() if path == CODE)
    written = (EXAMPLE / CODE).read_text(encoding="utf-8")
    assert shown.split() == written[written.index("class AcmeSettings") :].split()


def beside_the_hub(folder: Path) -> Environment:
    roots = [Path(package.__file__ or "").parents[1] for package in (isthmus_sdk, isthmus_hub, isthmus_connectors)]
    return make_environment(folder / "env", roots)


def written_by_the_engineer(project: Path) -> None:
    """The tutorial's steps 2 to 7, with the files of the example."""
    (project / "tests" / "pages" / "devices.json").unlink()
    shutil.rmtree(project / "tests" / "golden")
    for path in (CODE, "acme_connector/connector.toml", "tests/pages/alerts.json"):
        text = (EXAMPLE / path).read_text(encoding="utf-8")
        (project / path).write_text(text.partition("[settings.")[0] if path.endswith(".toml") else text)


def test_from_new_to_the_first_record_on_the_bus(tmp_path: Path, vendor: AcmeVendor) -> None:
    environment = beside_the_hub(tmp_path)
    modules = {"isthmus-sdk": "isthmus_sdk.cli", "isthmus": "isthmus_hub.cli"}
    vendor.alerts = json.loads((EXAMPLE / "tests" / "pages" / "alerts.json").read_text())["data"][:1]
    folder, said = tmp_path, ""
    tested = 0
    for program, *arguments in commands():
        if program == "cd":
            folder = folder / arguments[0]
            continue
        if program == "isthmus":
            (wheel,) = (folder / "dist").glob("*.whl")
            environment.install(wheel)
            folder = tmp_path / "hub"
            folder.mkdir()
            (folder / "isthmus.toml").write_text(
                '[hub]\nname = "test"\n\n[connector.acme-north]\nuse = "acme"\nsource_id = "acme-tenant-north"\n'
                f'settings = {{ base_url = "{vendor.url}", client_id = "{CLIENT}" }}\n'
                'secrets = { client_secret = "env:ACME_SECRET" }\n'
            )
            arguments = ["--state-dir", "state", *arguments]
        module = [modules[program]] if program in modules else [arguments.pop(1)] if arguments[0] == "-m" else []
        if program == "python":
            arguments = arguments[1:]
        done = environment.run(*module, *arguments, folder=folder, ACME_SECRET=SECRET)
        partial = arguments[0] in ("map", "preview")  # one record of the page is out of range on purpose
        assert done.returncode == (PARTIAL if partial else 0), (program, arguments, done.stdout + done.stderr)
        said = done.stdout
        if arguments[0] == "test":
            tested += 1
            assert "0 todo" in said
            if tested == 1:
                written_by_the_engineer(folder)
    (run,) = json.loads(said)["runs"]
    assert (run["records"], run["mapped"], run["error"], run["drift"]) == (1, 1, None, {"new": {"assigned_to": 1}})
    read = environment.run("isthmus_hub.cli", "--state-dir", "state", "bus", "tail", "observed", folder=folder)
    assert read.returncode == 0, read.stderr
    assert "A-1001" in read.stdout
