"""Settings, secrets and streams against manifests, without importing a plugin."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isthmus_hub import config
from isthmus_hub.config import InvalidSettings
from isthmus_hub.config._frozen import freeze
from isthmus_hub.config._settings import check_value
from isthmus_sdk.errors import ConfigurationError, SettingsError

GUARDIAN = {
    "settings": {
        "type": "object",
        "properties": {
            "base_url": {"type": "string"},
            "username": {"type": "string"},
            "page_size": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 500},
        },
        "required": ["base_url", "username"],
        "additionalProperties": False,
    },
    "secrets": {"password": {"required": True, "description": ""}, "api_key": {"required": False, "description": ""}},
    "streams": ["assets", "alerts"],
}
MANIFESTS = {"nozomi-guardian": GUARDIAN, "file": {"settings": {}, "secrets": [], "streams": []}}
TEXT = """\
[hub]
name = "north"
[connector.guardian]
use = "nozomi-guardian"
source_id = "cmc"
settings = { base_url = "https://10.0.0.1", username = "hub" }
secrets = { password = "vault:guardian/password" }
[platform.soc]
use = "file"
"""


@pytest.fixture
def problems(tmp_path):
    def problems(text, manifests=MANIFESTS, environ=None):
        file = tmp_path / "isthmus.toml"
        file.write_text(text)
        try:
            config.check_settings(config.load(file, environ=environ or {}), manifests)
        except InvalidSettings as error:
            assert isinstance(error, SettingsError)
            assert isinstance(error, ConfigurationError)
            return [str(problem).removeprefix(str(file)) for problem in error.problems]
        return []

    return problems


def test_settings_that_fit_pass(problems):
    assert problems(TEXT) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("username", "usrname", ':6: connector.guardian.settings.usrname: unknown setting; did you mean "username"?'),
        ('"https://10.0.0.1"', "5", ":6: connector.guardian.settings.base_url: must be text"),
        ('"hub" }', '"hub", page_size = "9" }', ":6: connector.guardian.settings.page_size: must be a whole number"),
        ('"hub" }', '"hub", page_size = 0 }', ":6: connector.guardian.settings.page_size: must be at least 1"),
        ('"hub" }', '"hub", page_size = true }', ":6: connector.guardian.settings.page_size: must be a whole number"),
        (
            "nozomi-guardian",
            "nozomi-gurdian",
            ":4: connector.guardian.use: no such connector is installed; did you mean",
        ),
        ('use = "file"', 'use = "fil"', ':9: platform.soc.use: no such platform is installed; did you mean "file"?'),
        ("password =", "pasword =", ':7: connector.guardian.secrets.pasword: unknown secret; did you mean "password"?'),
        ('use = "file"', 'use = "file"\nsecrets = { a = "env:A" }', ":10: platform.soc.secrets.a: takes no secrets"),
        (
            'source_id = "cmc"',
            'source_id = "cmc"\nstreams = ["asset"]',
            ":6: connector.guardian.streams[0]: no such stream",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_line_key_and_fix(problems, before, after, told):
    assert any(line.startswith(told) for line in problems(TEXT.replace(before, after, 1))), problems(
        TEXT.replace(before, after, 1)
    )


def test_missing_settings_and_secrets_are_told_with_the_table_they_belong_to(problems):
    text = TEXT.replace(', username = "hub"', "").replace('password = "vault:guardian/password"', "")
    missing = problems(text)
    assert ":6: connector.guardian.settings.username: is missing" in missing
    assert any(line.startswith(":7: connector.guardian.secrets.password: is missing") for line in missing)
    assert any("isthmus secret set guardian/password" in line for line in missing)


def test_a_secret_among_the_settings_is_refused_and_not_repeated(problems):
    (told,) = problems(TEXT.replace('username = "hub"', 'username = "hub", password = "hunter2-Kx9"'))
    assert told.startswith(":6: connector.guardian.settings.password: is a secret")
    assert "isthmus secret set guardian/password" in told
    assert "hunter2" not in told


def test_a_wrong_value_is_never_repeated(problems):
    for value in ('"hunter2-Kx9"', '["hunter2-Kx9"]', '{ a = "hunter2-Kx9" }'):
        told = problems(TEXT.replace('"hub" }', f'"hub", page_size = {value} }}'))
        assert told
        assert "hunter2" not in str(told)


def test_an_instance_that_reads_files_needs_nothing_to_reach_the_vendor(problems):
    text = TEXT.replace(
        'settings = { base_url = "https://10.0.0.1", username = "hub" }', 'files = { assets = "a*.json" }'
    ).replace('secrets = { password = "vault:guardian/password" }', "")
    assert problems(text) == []
    assert problems(text.replace("assets =", "assts ="))[0].startswith(
        ':6: connector.guardian.files.assts: no such stream; did you mean "assets"?'
    )


def test_a_wrong_setting_from_the_environment_names_the_variable(problems):
    (told,) = problems(TEXT, environ={"ISTHMUS__CONNECTOR__GUARDIAN__SETTINGS__USERNAM": "x"})
    assert told.startswith("environment variable ISTHMUS__CONNECTOR__GUARDIAN__SETTINGS__USERNAM: ")


def test_connectors_and_platforms_may_come_from_two_catalogues(tmp_path):
    file = tmp_path / "isthmus.toml"
    file.write_text(TEXT)
    read = config.load(file, environ={})
    config.check_settings(read, {"nozomi-guardian": GUARDIAN}, platforms={"file": {}})
    with pytest.raises(InvalidSettings, match="no such platform"):
        config.check_settings(read, MANIFESTS, platforms={})


def test_secrets_may_be_a_list_of_names(problems):
    manifests = {**MANIFESTS, "nozomi-guardian": {**GUARDIAN, "secrets": ["password"]}}
    assert problems(TEXT, manifests) == []
    assert problems(TEXT.replace('secrets = { password = "vault:guardian/password" }', ""), manifests) == []


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    depth: int = Field(ge=0, lt=10)
    words: list[Annotated[str, Field(min_length=1)]] = Field(default=[], max_length=2)


class Model(BaseModel):
    """Everything a settings model of pydantic is likely to use."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    kind: Literal["a", "b"] = "a"
    ratio: float | None = Field(default=None, gt=0, le=1)
    inner: Inner | None = None
    table: dict[str, int] = {}
    either: int | str = 0


SCHEMA = Model.model_json_schema()
plain = st.recursive(
    st.one_of(st.integers(-2, 12), st.booleans(), st.sampled_from(["", "a", "b"]), st.floats(-1, 2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["depth", "words", "x"]), inner, max_size=2),
    ),
    max_leaves=5,
)
tables = st.dictionaries(st.sampled_from([*Model.model_fields, "unknown"]), plain, max_size=5)


@given(tables)
def test_the_check_agrees_with_pydantic(table):
    try:
        Model.model_validate_json(json.dumps(table))
        valid = True
    except ValidationError:
        valid = False
    findings = list(check_value(freeze(table), SCHEMA, SCHEMA))
    assert (not findings) is valid, findings


def test_a_schema_that_refers_to_itself_ends():
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert list(check_value(1, loop, loop)) == [((), "is nested too deeply")]


def test_settings_of_an_older_version_are_the_connectors_to_check(tmp_path):
    file = tmp_path / "isthmus.toml"
    manifest = {"settings": {"properties": {"url": {"type": "string"}}, "required": ["url"]}, "settings_version": 2}

    def check(version):
        file.write_text(
            f'[hub]\nname = "h"\n\n[connector.a]\nuse = "portal"\nsettings_version = {version}\nsettings = {{ host = "h" }}\n'
        )
        config.check_settings(config.load(file, environ={}), {"portal": manifest})

    check(1)
    with pytest.raises(config.InvalidSettings, match="host"):
        check(2)
    with pytest.raises(config.InvalidSettings, match="settings of version 2"):
        check(3)
