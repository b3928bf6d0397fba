"""The documentation fails the build when it drifts from the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from benchmarks.__main__ import NAMES as BENCHMARKS

from isthmus_hub.cli import reference
from isthmus_hub.config import load
from isthmus_sdk import errors, hookspecs
from isthmus_sdk.connector import Connector
from isthmus_sdk.loader import Found, discover

from .pages import ROOT, Block, blocks, named, pages

PAGES = pages()
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
README = ROOT / "README.md"
FIRST_PARTY = [found for found in discover() if found.distribution == "isthmus"]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def home(found: Found) -> Path:
    assert found.manifest_path is not None
    return found.manifest_path.parent


# -- what must be said -------------------------------------------------------------------------------------------------


def test_the_pages_are_there() -> None:
    wanted = {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "sdk/README.md", "docs/architecture.md"}
    assert wanted <= {named(page) for page in PAGES}


def test_the_reference_of_the_command_line_is_that_of_the_commands() -> None:
    published = text_of(ROOT / "docs" / "cli.md")
    assert published == reference.page(), "run `python -m isthmus_hub.cli.reference` and commit what it changed"


@pytest.mark.parametrize(
    "command",
    [
        *(
            "init",
            "config check",
            "config schema",
            "connector list",
            "connector info",
            "platform list",
            "platform info",
        ),
        *("secret set", "secret list", "secret remove", "check", "preview", "map", "sync", "run", "deliver", "status"),
        *("export", "assets", "coverage", "gaps", "quarantine list", "quarantine show", "quarantine retry"),
        *("quarantine drop", "dead list", "dead show", "dead retry", "dead drop", "bus groups", "bus tail", "bus seek"),
        *("bus check", "store check", "store rebuild", "stix check", "doctor", "demo"),
    ],
)
def test_every_stable_command_exists_and_is_documented(command: str) -> None:
    assert f"### `isthmus {command}`\n" in text_of(ROOT / "docs" / "cli.md")


def test_every_command_says_what_it_does() -> None:
    for path, command in reference.commands():
        assert (command.help or "").strip(), path


def test_every_hook_is_documented() -> None:
    hooks = [name for name in vars(hookspecs.Hooks) if not name.startswith("_")]
    assert hooks
    for hook in hooks:
        assert f"`{hook}`" in text_of(CONTRIBUTING), hook


def test_every_error_is_documented() -> None:
    page = text_of(CONTRIBUTING)
    for name in errors.__all__:
        assert re.search(rf"^\| `{name}` \|", page, re.MULTILINE), f"{name} is not in the table of errors"


def test_every_documented_error_exists() -> None:
    section = text_of(CONTRIBUTING).partition("## Errors")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(errors.__all__)


@pytest.mark.parametrize("found", FIRST_PARTY, ids=lambda found: f"{found.kind}-{found.name}")
def test_every_setting_secret_and_stream_is_in_the_readme_beside_the_code(found: Found) -> None:
    assert found.manifest is not None, found.error
    page = text_of(home(found) / "README.md")
    words = [*found.manifest.settings, *found.manifest.secrets, *(stream.name for stream in found.manifest.streams)]
    missing = [word for word in words if not re.search(rf"\b{re.escape(word)}\b", page)]
    assert not missing, f"{named(home(found) / 'README.md')} does not mention {', '.join(missing)}"


@pytest.mark.parametrize("found", FIRST_PARTY, ids=lambda found: f"{found.kind}-{found.name}")
def test_the_readme_names_every_connector_and_platform(found: Found) -> None:
    assert f"[`{found.name}`]({named(home(found) / 'README.md')})" in text_of(README)


def test_the_readme_says_what_every_benchmark_measures() -> None:
    table = text_of(README).split("## What is measured")[1].split("\n## ")[0]
    assert {row.split("`")[1] for row in table.splitlines() if row.startswith("| `")} == set(BENCHMARKS)


def test_every_tool_of_the_http_module_is_named_in_the_sdk_readme() -> None:
    import inspect

    from isthmus_sdk import http

    page = text_of(ROOT / "sdk" / "README.md")
    for name in http.__all__:
        value = getattr(http, name)
        is_auth = inspect.isclass(value) and issubclass(value, http.Auth) and name not in ("Auth", "TokenAuth")
        is_pager = (
            inspect.isclass(value) and value is not http.Pager and hasattr(value, "ask") and hasattr(value, "after")
        )
        if is_auth or is_pager:
            assert f"`{name}`" in page, name


# -- what is said must hold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{named(page)}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{named(page)}: {target}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_tests_that_the_architecture_names_exist() -> None:
    references = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text_of(ROOT / "docs" / "architecture.md"))
    assert len(references) > 20
    for file, test in references:
        assert (ROOT / file).is_file(), file
        assert not test or re.search(rf"^ *def {test}\(", text_of(ROOT / file), re.MULTILINE), f"{file}::{test}"


def test_paths_in_tables_of_where_things_go_exist() -> None:
    section = text_of(CONTRIBUTING).partition("## Where each kind of change goes")[2].partition("\n## ")[0]
    paths = re.findall(r"`((?:sdk|hub_core|connectors)/[\w/]+/)`", section)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).is_dir()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_page_names_a_machine_or_a_package_index(page: Path) -> None:
    text = text_of(page)
    assert not re.search(r"(?<![\w.])/(?:home|root|Users|work|tmp)/", text), "a path of somebody's machine"
    assert not re.search(r"--(?:extra-)?index-url|--find[-]links|pypi\.org|/simple/", text), "a package index"
    assert not re.search(r"\b(?:TODO|FIXME|XXX|TBD)\b", text)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_toml_blocks_can_be_read(page: Path) -> None:
    import tomllib

    for text in re.findall(r"^```toml\n(.*?)^```$", text_of(page), re.DOTALL | re.MULTILINE):
        tomllib.loads(text)


def test_the_plants_configuration_is_the_demonstrations(tmp_path: Path) -> None:
    from isthmus_hub.demo._configuration import configuration
    from isthmus_hub.demo._site import CLIENT, SENSORS, SERVED, TENANT

    ours = ROOT / "examples" / "plant" / "isthmus.toml"
    made = tmp_path / "isthmus.toml"
    ports = {each.connector: 8441 + number for number, each in enumerate(SERVED)}
    made.write_text(configuration(ports, tenant=TENANT, client=CLIENT, sensors=SENSORS))
    printed, written = load(ours, environ={}), load(made, environ={})
    for part in ("hub", "scopes", "zones", "conduits", "connectors", "platforms"):
        assert as_json(getattr(printed, part), ours) == as_json(getattr(written, part), made), part


def as_json(part: object, file: Path) -> object:
    """A part of a configuration without the folder it was read from."""
    from pydantic_core import to_jsonable_python

    return json.loads(json.dumps(to_jsonable_python(part, fallback=str), sort_keys=True).replace(str(file.parent), "."))


# -- what is marked as tested runs -------------------------------------------------------------------------------------


def marked(how: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.how.startswith(how)]


def test_there_are_marked_blocks_of_each_kind() -> None:
    assert marked("python")
    assert marked("file ")
    assert marked("run")
    known = re.compile(r"(function|python|run|file [\w./]+)")
    assert [block.how for page in PAGES for block in blocks(page) if not known.fullmatch(block.how)] == []


def run(command: list[str] | str, folder: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={"PATH": paths, "HOME": str(folder), "LANG": "C.UTF-8"},
    )


@pytest.mark.parametrize("block", marked("python"), ids=lambda block: named(block.page))
def test_a_script_runs(block: Block, tmp_path: Path) -> None:
    (tmp_path / "isthmus.toml").write_text(
        '[hub]\nname = "docs"\n[connector.drop]\nuse = "nozomi-guardian"\nsource_id = "s"\nfiles = { assets = "*.json" }\n'
    )
    (tmp_path / "assets.json").write_text(json.dumps({"result": [{"id": "1", "name": "press", "type": "plc"}]}))
    done = run([sys.executable, "-c", block.text], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "press plc 1 source(s)" in done.stdout


@pytest.mark.parametrize("page", sorted({block.page for block in marked("run")}), ids=named)
def test_a_session_gives_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.how.startswith("file "):
            file = tmp_path / block.how.removeprefix("file ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
            if file.suffix == ".py":
                (file.parent / "__init__.py").touch()
        elif block.how == "run":
            command, _, shown = block.text.removeprefix("$ ").partition("\n")
            done = run(command, tmp_path)
            assert done.returncode in (0, 4), done.stderr
            assert done.stdout + done.stderr == shown


def test_the_connector_of_the_walk_is_a_good_one(tmp_path: Path) -> None:
    """Its manifest can be generated and then agrees, every object is valid, and each record is accounted for."""
    for block in marked("file "):
        file = tmp_path / block.how.removeprefix("file ")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    (tmp_path / "bolt_connector" / "__init__.py").touch()
    name = "bolt_connector.connector:bolt"
    sdk = [sys.executable, "-m", "isthmus_sdk.cli"]
    assert run([*sdk, "manifest", name, "--write"], tmp_path).returncode == 0
    assert run([*sdk, "manifest", name, "--check"], tmp_path).returncode == 0
    mapped = run([*sdk, "map", name, "devices", "pages/devices.json", "--report", "report.json"], tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["records"] == report["mapped"] + sum(report["ignored"].values()) + len(report["quarantined"])
    (tmp_path / "objects.ndjson").write_text(mapped.stdout)
    assert run([*sdk, "stix", "check", "objects.ndjson"], tmp_path).returncode == 0


def test_what_the_sdk_exports_is_what_the_readme_imports() -> None:
    import isthmus_sdk

    assert isinstance(isthmus_sdk.Connector, type)
    assert issubclass(isthmus_sdk.Connector, Connector)
    page = text_of(ROOT / "sdk" / "README.md")
    imported = re.search(r"from isthmus_sdk import (.+)", page)
    assert imported is not None
    assert set(imported[1].split(", ")) <= set(isthmus_sdk.__all__)
