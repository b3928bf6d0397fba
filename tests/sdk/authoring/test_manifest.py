"""Manifests: read with clear errors, generated from the code, found without importing anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from isthmus_sdk import Connector, Secret, Settings, Url
from isthmus_sdk.commands.manifest import drift, generated, regenerate, rewritten, with_conformance
from isthmus_sdk.errors import ConfigurationError, ManifestError
from isthmus_sdk.loader import discover, find, load, manifest_path
from isthmus_sdk.manifest import Conformance, Limit, accepts, check_api, parse, read

from .hub import PACKAGES

HEAD = '[connector]\nname = "x"\nversion = "1"\nsdk_api = ">=1,<2"\n'


def site(
    folder: Path, *, group: str = "isthmus.connectors", value: str = "acme_connector.connector:acme", **files: str
) -> Path:
    """A site-packages folder with one installed distribution."""
    info = folder / "acme_isthmus-1.2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-isthmus\nVersion: 1.2.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\nacme = {value}\n")
    for name, text in files.items():
        (info / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "connector"),
        ("[connector", "TOML"),
        (HEAD + "[platform]\nname='x'", "exactly one"),
        ('[connector]\nname = "x"\nversion = "1"', "connector.sdk_api"),
        (HEAD.replace(">=1,<2", "one or two"), "sdk_api"),
        (HEAD.replace('"x"', '"Has Spaces"'), "connector.name"),
        (HEAD + 'tlp = "purple"', "connector.tlp"),
        (HEAD + 'colour = "blue"', "colour"),
        (HEAD + "[nonsense]\na = 1", "nonsense"),
        (HEAD + "[[stream]]\nnome = 'a'", "stream.0"),
        (HEAD + "[[capability]]\nasset_classes = ['a']", "capability.0.function"),
        (HEAD + "[settings]\nbase_url = 'https://x'", "settings.base_url"),
        (HEAD + "[[limit]]\nsays = '60 a minute'", "limit.0.source"),
        (HEAD + "[[limit]]\nsays = ''\nsource = 'docs'", "limit.0.says"),
        (HEAD + "[breaking_changes.next]\nmessage = 'a'", "breaking_changes"),
        (HEAD + "[conformance]\nlevel = 'platinum'\nversion = '1'", "conformance.level"),
    ],
)
def test_a_wrong_manifest_is_refused_by_place(text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=r"here\.toml") as error:
        parse(text, "here.toml")
    assert words in str(error.value)


def test_a_missing_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="manifest CONNECTOR --write"):
        read(tmp_path / "connector.toml")


@pytest.mark.parametrize(
    ("wanted", "version", "fits"),
    [
        (">=1,<2", "1.0", True),
        (">=1,<2", "1.9", True),
        (">=1,<2", "2.0", False),
        (">=1.2", "1.1", False),
        ("1", "1.7", True),
        ("==1.2", "1.2.5", True),
        ("~=1.2", "1.5", True),
        ("~=1.2", "2.0", False),
        (" >= 1 , < 2 ", "1.0", True),
    ],
)
def test_sdk_api_ranges(wanted: str, version: str, fits: bool) -> None:
    assert accepts(wanted, version) is fits


def test_a_connector_for_another_sdk_is_refused_with_both_versions() -> None:
    manifest = parse(HEAD.replace(">=1,<2", ">=2"))
    with pytest.raises(ManifestError, match=r">=2.*1\.0"):
        check_api(manifest, "1.0")


def test_the_configuration_gets_a_json_schema_without_secrets() -> None:
    manifest = parse(
        HEAD
        + '[settings.base_url]\ntype = "string"\nrequired = true\n[settings.size]\ntype = "integer"\n[secrets]\ntoken = "API token"\n'
    )
    given = manifest.for_configuration()
    assert given["settings"]["properties"] == {"base_url": {"type": "string"}, "size": {"type": "integer"}}
    assert given["settings"]["required"] == ["base_url"]
    assert given["settings"]["additionalProperties"] is False
    assert given["secrets"]["token"]["required"] is True


class Row(BaseModel):
    """A record."""

    id: str
    changed_at: str = ""


class Everything(Settings):
    base_url: Url = Field(description='Says "hello"\\')
    size: int = Field(default=5, ge=1)
    name: str | None = None
    sites: list[str] = Field(default=["a", "b"])
    weights: dict[str, float] = Field(default={"x": 0.5})
    token: Secret = Field(description="API token")
    second: Secret | None = None


def test_settings_secrets_and_streams_are_generated_from_the_code_and_survive_the_round_trip() -> None:
    connector = Connector("made.up", settings=Everything)
    tables = generated(connector)
    manifest = parse(rewritten(HEAD, tables))
    assert manifest.settings == tables["settings"]
    assert manifest.settings["base_url"]["required"] is True
    assert manifest.settings["size"] == {"default": 5, "minimum": 1, "type": "integer", "required": False}
    assert manifest.settings["name"] == {"type": "string", "required": False}
    assert set(manifest.secrets) == {"token", "second"}
    assert manifest.secrets["token"].required
    assert not manifest.secrets["second"].required


def test_writing_a_manifest_keeps_what_its_author_wrote(tmp_path: Path, acme: Any) -> None:
    text = (
        "# the connector\n" + HEAD + "\n[settings.old]\ntype = 'string'\n# about origins\n[[stream]]\nname = 'old'\n"
        '\n[origins]   # kept\nhosts = [\n  "a",\n  # "[settings]",\n]\ntext = """\n[settings]\n"""\n'
    )
    path = tmp_path / "connector.toml"
    path.write_text(text)
    assert regenerate(acme, path)
    new = path.read_text()
    assert new.startswith("# the connector\n")
    assert '# "[settings]",' in new
    assert tomllib.loads(new)["origins"] == tomllib.loads(text)["origins"]
    assert [stream.name for stream in read(path).streams] == ["alerts", "hosts"]
    assert "old" not in read(path).settings
    assert not regenerate(acme, path)


def test_a_manifest_that_no_longer_fits_the_code_is_named_key_by_key(acme: Any) -> None:
    assert drift(acme) == []

    class More(acme.settings):  # type: ignore[misc]
        region: str
        page_size: int = 9

    other = Connector(acme.package, settings=More)
    other.streams = dict(acme.streams)
    lines = drift(other)
    assert any("region" in line and "code only" in line for line in lines)
    assert any("page_size" in line and "default" in line for line in lines)
    assert len(lines) == 2


def test_a_description_may_stand_in_the_manifest_alone(tmp_path: Path) -> None:
    class Plain(Settings):
        region: str = "eu"

    connector = Connector("made.up", settings=Plain)
    path = tmp_path / "connector.toml"
    path.write_text(HEAD + '\n[settings.region]\ndescription = "Where"\n')
    assert regenerate(connector, path)
    assert read(path).settings["region"] == {
        "default": "eu",
        "type": "string",
        "required": False,
        "description": "Where",
    }


def test_discovery_reads_metadata_and_manifest_and_imports_nothing(tmp_path: Path) -> None:
    folder = site(tmp_path / "site")
    shutil.copytree(PACKAGES / "acme_connector", folder / "acme_connector")
    bomb = "raise SystemExit('imported')\n"
    (folder / "acme_connector" / "__init__.py").write_text(bomb)
    (folder / "acme_connector" / "connector.py").write_text(bomb)
    (found,) = discover([folder])
    assert (found.name, found.kind, found.value) == ("acme", "connector", "acme_connector.connector:acme")
    assert (found.distribution, found.version) == ("acme-isthmus", "1.2.0")
    assert found.error is None
    assert found.manifest is not None
    assert found.manifest.title == "Acme EDR"
    code = "import sys; sys.path.insert(0, sys.argv[1])\n" + (
        "from isthmus_sdk.loader import find\n"
        "assert find('acme').manifest.name == 'acme'\n"
        "assert 'acme_connector' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def test_discovery_finds_editable_installations_without_running_their_pth_code(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(PACKAGES / "acme_connector", source / "acme_connector")
    folder = site(tmp_path / "site")
    marker = tmp_path / "ran"
    (folder / "_acme.pth").write_text(f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n{source}\n")
    assert discover([folder])[0].manifest is not None
    assert not marker.exists()
    (folder / "_acme.pth").unlink()
    url = source.as_uri()
    (folder / "acme_isthmus-1.2.0.dist-info" / "direct_url.json").write_text(
        f'{{"url":"{url}","dir_info":{{"editable":true}}}}'
    )
    assert discover([folder])[0].manifest is not None


def test_a_broken_plugin_hides_no_other(tmp_path: Path) -> None:
    folder = site(tmp_path / "site")
    shutil.copytree(PACKAGES / "acme_connector", folder / "acme_connector")
    info = folder / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[isthmus.connectors]\nmissing = not_there.at_all:x\nother = acme_connector.connector:acme\n"
    )
    by_name = {plugin.name: plugin for plugin in discover([folder])}
    assert by_name["acme"].error is None
    assert "was not found" in (by_name["missing"].error or "")
    assert "'acme'" in (by_name["other"].error or "")


def test_two_distributions_that_provide_one_name_are_both_named(tmp_path: Path) -> None:
    folder = site(tmp_path / "site")
    shutil.copytree(PACKAGES / "acme_connector", folder / "acme_connector")
    info = folder / "imposter-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: imposter\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[isthmus.connectors]\nacme = acme_connector.connector:acme\n")
    (found,) = discover([folder])
    assert found.error is not None
    assert "imposter" in found.error
    assert "acme-isthmus" in found.error


def test_looking_for_a_connector_that_is_not_there_names_the_near_ones(tmp_path: Path) -> None:
    folder = site(tmp_path / "site")
    with pytest.raises(ConfigurationError, match='did you mean "acme"'):
        find("acne", path=[folder])


def test_loading_gives_the_connector_object_itself(acme: Any) -> None:
    assert load("acme_connector.connector:acme") is acme
    assert acme.name == "acme"
    assert manifest_path("acme_connector.connector:acme") == PACKAGES / "acme_connector" / "connector.toml"


@pytest.mark.parametrize("name", ["Alerts", "1st", "a b", ""])
def test_a_stream_needs_a_plain_name(name: str) -> None:
    with pytest.raises(ManifestError):
        Connector("made.up", settings=Settings).stream(name, model=dict)(lambda ctx: ctx.pages())


def test_declarations_that_contradict_each_other_are_refused_at_import() -> None:
    connector = Connector("made.up", settings=Settings)
    declare: Any = connector.stream
    for options in (
        {"cursor": "at", "snapshot": True},
        {"lookback": "10m"},
        {"contract": "maybe"},
        {"cursor": "at", "cursor_unit": "weeks"},
    ):
        with pytest.raises(ManifestError):
            declare("rows", model=dict, **options)(lambda ctx: ctx.pages())
    with pytest.raises(ManifestError, match="Row has no 'changed'; did you mean \"changed_at\""):
        declare("rows", model=Row, cursor="changed")(lambda ctx: ctx.pages())
    with pytest.raises(ConfigurationError, match="lookback"):
        declare("rows", model=dict, cursor="at", lookback="ten minutes")(lambda ctx: ctx.pages())
    declare("rows", model=dict)(lambda ctx: ctx.pages())
    with pytest.raises(ManifestError, match="twice"):
        declare("rows", model=dict)(lambda ctx: ctx.pages())
    connector.streams["rows"].maps(lambda record, stix: None)
    with pytest.raises(ManifestError, match="two @maps"):
        connector.streams["rows"].maps(lambda record, stix: None)
    with pytest.raises(ManifestError, match="package"):
        Connector(None, settings=Settings)


def test_what_the_kit_found_is_written_beside_the_rest_and_taken_out_again() -> None:
    text = HEAD + '\n[[stream]]\nname = "a"\n'
    gold = with_conformance(text, Conformance(level="gold", version="1", exempt=("loss",)))
    assert gold == text + '\n[conformance]\nlevel = "gold"\nversion = "1"\nexempt = ["loss"]\n'
    assert with_conformance(gold, Conformance(level="silver", version="1")).count("[conformance]") == 1
    assert with_conformance(gold, None) == text


def test_a_level_that_another_version_reached_is_not_this_ones() -> None:
    table = '[conformance]\nlevel = "gold"\nversion = "{}"\n'
    assert parse(HEAD + table.format("1")).conformance_level == "gold"
    assert parse(HEAD + table.format("0.9")).conformance_level is None
    assert parse(HEAD).conformance_level is None


def test_data_components_are_counted_once_for_each_function() -> None:
    capabilities = "".join(
        f"[[capability]]\nfunction = '{function}'\ndata_components = {components}\n"
        for function, components in [("detect", ["a", "b"]), ("identify", ["a"]), ("detect", ["b", "c"])]
    )
    assert parse(HEAD + capabilities).functions == {"detect": 3, "identify": 1}


def test_what_the_product_needs_and_allows_is_said_with_its_source() -> None:
    manifest = parse(
        HEAD
        + """minimum_product_version = "4.2"
        [[limit]]
        says = "60 requests a minute"
        source = "https://acme.example/docs/limits"
        streams = ["alerts"]
        [breaking_changes."2.0.0"]
        message = "`host` is now `base_url`"
        """
    )
    assert manifest.minimum_product_version == "4.2"
    assert manifest.limits == (
        Limit(says="60 requests a minute", source="https://acme.example/docs/limits", streams=("alerts",)),
    )
    assert manifest.breaking_changes["2.0.0"].message == "`host` is now `base_url`"
    assert parse(HEAD).limits == () and parse(HEAD).minimum_product_version == ""
