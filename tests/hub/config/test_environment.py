"""Overrides from the environment."""

from __future__ import annotations

import pytest

from isthmus_hub import config
from isthmus_hub.config import InvalidConfiguration, SecretRef

TEXT = """\
[hub]
name = "north"
[[scope]]
name = "a"
when = { site = "A" }
[connector.guardian-north]
use = "nozomi-guardian"
source_id = "cmc"
settings = { base_url = "https://10.0.0.1", pageSize = 5 }
[platform.soc]
use = "file"
"""


@pytest.fixture
def load(tmp_path):
    file = tmp_path / "isthmus.toml"
    file.write_text(TEXT)
    return lambda **environ: config.load(file, environ=environ)


@pytest.fixture
def problem(load):
    def problem(**environ):
        with pytest.raises(InvalidConfiguration) as caught:
            load(**environ)
        (only,) = caught.value.problems
        return str(only)

    return problem


def test_a_variable_overrides_a_key_whatever_the_case(load):
    assert load(ISTHMUS__HUB__QUOTA='"1GB"').hub.quota == 10**9
    assert load(isthmus__hub__quota="1GB").hub.quota == 10**9


def test_hyphens_are_written_as_underscores(load):
    read = load(ISTHMUS__CONNECTOR__GUARDIAN_NORTH__EVERY="10m")
    assert read.connectors["guardian-north"].every == 600
    assert read.where("connector", "guardian-north", "every") == (
        "environment variable ISTHMUS__CONNECTOR__GUARDIAN_NORTH__EVERY"
    )


def test_keys_that_the_file_has_keep_their_case_and_new_ones_are_lower(load):
    settings = (
        load(
            ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS__PAGESIZE="7",
            ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS__USERNAME="hub",
        )
        .connectors["guardian-north"]
        .settings
    )
    assert settings == {"base_url": "https://10.0.0.1", "pageSize": 7, "username": "hub"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("5", 5),
        ("1_000", 1000),
        ('"5"', "5"),
        ("'x # y'", "x # y"),
        ("[1, 2]", (1, 2)),
        ('{ a = "b" }', {"a": "b"}),
        ("https://siem:9200/x?y=1", "https://siem:9200/x?y=1"),
        ("10.20.0.5", "10.20.0.5"),
        ("5m", "5m"),
        ("north works", "north works"),
        ("  padded \n", "padded"),
        ("2026-01-02", "2026-01-02"),
        ("True", "True"),
        ("[\n 1,\n]", (1,)),
    ],
)
def test_values_are_toml_and_plain_words_need_no_quotes(load, text, value):
    read = load(ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS__X=text)
    assert read.connectors["guardian-north"].settings["x"] == value


@pytest.mark.parametrize(
    "text", ["", "  ", "[1,", '{ a = "b"', '"open hunter2', "1\n[hub]\nname = 'evil'", "a\x1b[31m"]
)
def test_what_is_no_value_is_refused_with_the_variable_and_without_the_text(problem, text):
    told = problem(ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS__X=text)
    assert told.startswith("environment variable ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS__X: ")
    assert "hunter2" not in told
    assert "evil" not in told


def test_a_wrong_override_is_told_with_the_variable(problem):
    assert problem(ISTHMUS__HUB__QUOTA="20").startswith("environment variable ISTHMUS__HUB__QUOTA: hub.quota: must be")
    told = problem(ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SECRETS__PASSWORD="hunter2-Kx9")
    assert "environment variable ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SECRETS__PASSWORD" in told
    assert "isthmus secret set guardian-north/password" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("variable", "word"),
    [
        ("ISTHMUS__HBU__NAME", 'did you mean "hub"'),
        ("ISTHMUS__HUB__NAM", 'did you mean "name"'),
        ("ISTHMUS__CONNECTOR__GUARDIAN_NROTH__EVERY", 'did you mean "guardian-north"'),
        ("ISTHMUS__HUB__NAME__X", "single value"),
        ("ISTHMUS__HUB____NAME", "SECTION__KEY"),
        ("ISTHMUS__SCOPE__7__NAME", "0 to 0"),
        ("ISTHMUS__SCOPE__X__NAME", "number of an entry"),
        ("ISTHMUS__", "SECTION__KEY"),
    ],
)
def test_a_variable_that_means_nothing_is_an_error_with_the_nearest_name(problem, variable, word):
    told = problem(**{variable: "x"})
    assert variable in told
    assert word in told


def test_two_instances_whose_names_fold_alike_are_not_guessed_between(tmp_path):
    file = tmp_path / "isthmus.toml"
    file.write_text(TEXT + '[connector.guardian_north]\nuse = "x"\n')
    with pytest.raises(InvalidConfiguration, match="guardian-north and guardian_north alike"):
        config.load(file, environ={"ISTHMUS__CONNECTOR__GUARDIAN_NORTH__EVERY": "1m"})


def test_two_spellings_of_one_variable_are_refused(problem):
    told = problem(ISTHMUS__HUB__NAME="a", isthmus__hub__name="b")
    assert "sets the same key as" in told


def test_the_more_exact_variable_wins(load):
    read = load(
        ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS__BASE_URL="https://exact",
        ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS='{ base_url = "https://table", username = "u" }',
    )
    assert read.connectors["guardian-north"].settings == {"base_url": "https://exact", "username": "u"}


def test_lists_and_tables_can_be_replaced_or_reached_into(load):
    assert load(ISTHMUS__SCOPE='[{ name = "b", when = { zone = "Z" } }]').scope_rules[0].name == "b"
    assert load(ISTHMUS__SCOPE__0__NAME="c").scope_rules[0].name == "c"
    read = load(ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SECRETS__PASSWORD="env:PW")
    assert read.connectors["guardian-north"].secrets == {"password": SecretRef("env", "PW")}


def test_what_stood_below_a_replaced_table_has_no_line_any_more(problem):
    told = problem(ISTHMUS__CONNECTOR__GUARDIAN_NORTH__SETTINGS="5")
    assert "environment variable" in told
    assert "must be a table" in told


def test_other_variables_are_left_alone(load):
    assert load(ISTHMUS_VAULT_KEY="k", ISTHMUS_FAULT="x", PATH="/").hub.name == "north"


def test_the_process_environment_is_used_where_none_is_given(tmp_path, monkeypatch):
    file = tmp_path / "isthmus.toml"
    file.write_text(TEXT)
    monkeypatch.setenv("ISTHMUS__HUB__NAME", "from-environ")
    assert config.load(file).hub.name == "from-environ"
