"""What is published about the configuration agrees with the code, and the examples are right."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import isthmus_hub.config
from isthmus_hub import config
from isthmus_hub.config.__main__ import BEGIN, END, main

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "examples" / "configs").glob("*.toml"))
RENEW = "run `python -m isthmus_hub.config` and commit what it changed"


def test_the_public_names_are_these():
    assert isthmus_hub.config.__all__ == [
        "ConduitConfig",
        "Config",
        "ConnectorConfig",
        "CoverageConfig",
        "Endpoint",
        "HubConfig",
        "InvalidConfiguration",
        "InvalidSettings",
        "NatsConfig",
        "NatsTlsConfig",
        "OwnerConfig",
        "PlaceConditions",
        "PlatformConfig",
        "Problem",
        "QuietWindow",
        "ReceiveConfig",
        "ScopeConfig",
        "SecretRef",
        "TelemetryConfig",
        "TlsConfig",
        "VaultConfig",
        "ZoneConfig",
        "check_settings",
        "load",
        "quiet_until",
        "reference",
        "schema",
    ]


def test_the_published_schema_is_the_models_schema():
    published = json.loads((ROOT / "docs" / "configuration.schema.json").read_text())
    assert published == config.schema(), RENEW


def test_the_reference_in_the_documentation_is_the_models(tmp_path):
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    (tmp_path / "configuration.md").write_text(page)
    main(tmp_path)
    assert (tmp_path / "configuration.md").read_text() == page, RENEW


def test_every_key_has_a_meaning():
    for name, section in config.schema()["$defs"].items():
        for key, entry in section["properties"].items():
            assert entry.get("description"), f"{name}.{key} has no description"


def test_there_are_examples():
    assert {"one-machine.toml", "air-gapped.toml"} <= {path.name for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_reads_without_a_problem_or_a_doubt(path):
    assert config.load(path, environ={}).warnings == ()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_the_published_schema(path):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(config.schema())
    validator = jsonschema.Draft202012Validator(config.schema())
    assert [error.message for error in validator.iter_errors(tomllib.loads(path.read_text()))] == []


def test_the_schema_refuses_what_the_loader_refuses():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(config.schema())
    for text in (
        "[hub]\n",
        '[hub]\nname = "n"\nqota = "1GB"\n',
        '[hub]\nname = "n"\n[connector.a]\nuse = "x"\nsecrets = { p = "plain" }\n',
        '[hub]\nname = "n"\n[platform.a]\nuse = "x"\nmax_tlp = "orange"\n',
        '[hub]\nname = "n"\n[connector."a b"]\nuse = "x"\n',
    ):
        assert list(validator.iter_errors(tomllib.loads(text))), text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_the_manifests_of_the_connectors_it_uses(path):
    from isthmus_sdk import manifest

    connectors = ROOT / "connectors" / "isthmus_connectors"
    found = {"connector": {}, "platform": {}}
    for file in [*connectors.glob("*/connector.toml"), *connectors.glob("*/platform.toml")]:
        read = manifest.read(file)
        found[read.kind][read.name] = read.for_configuration()
    config.check_settings(config.load(path, environ={}), found["connector"], platforms=found["platform"])
