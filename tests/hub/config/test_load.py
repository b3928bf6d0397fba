"""Reading a configuration: what it means, and how its mistakes are told."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_hub import config
from isthmus_hub.config import InvalidConfiguration, QuietWindow, SecretRef
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.scope import scope_of

PIN = "ab" * 32
GOOD = f"""\
[hub]
name = "north-works"
bus = "sqlite"
primary = "soc"
quota = "20GB"

[[scope]]
name = "north/cell-3"
when = {{ instance = "guardian-north", site = "Cell 3" }}

[connector.guardian-north]
use = "nozomi-guardian"
source_id = "cmc-north"
every = "5m"
quiet = "06:00-06:30"
tlp = "amber"
settings = {{ base_url = "https://10.20.0.5", username = "hub" }}
secrets = {{ password = "vault:guardian-north/password" }}
tls = {{ pin = "sha256:{PIN}" }}

[connector.guardian-dropbox]
use = "nozomi-guardian"
source_id = "cmc-north"
files = {{ assets = "drop/assets-*.json", alerts = "drop/alerts-*.json" }}
snapshot = "none"

[platform.soc]
use = "opensearch"
settings = {{ url = "https://siem:9200" }}
max_tlp = "amber"
covers_by = "guardian-north"
"""


@pytest.fixture
def load(tmp_path):
    def load(text, environ=None):
        file = tmp_path / "isthmus.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return config.load(file, environ=environ or {})

    return load


@pytest.fixture
def problems(load):
    def problems(text, environ=None):
        with pytest.raises(InvalidConfiguration) as caught:
            load(text, environ)
        return caught.value.problems

    return problems


def line_of(text, part):
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_documented_configuration_reads_as_meant(load, tmp_path):
    read = load(GOOD)
    guardian = read.connectors["guardian-north"]
    assert (read.hub.name, read.hub.bus, read.primary, read.hub.quota) == ("north-works", "sqlite", "soc", 20 * 10**9)
    assert (guardian.use, guardian.every, guardian.tlp) == ("nozomi-guardian", 300, "amber")
    assert guardian.quiet == (QuietWindow(360, 390),)
    assert guardian.secrets == {"password": SecretRef("vault", "guardian-north/password")}
    assert guardian.tls.as_dict() == {"pin": [f"sha256:{PIN}"]}
    dropbox = read.connectors["guardian-dropbox"]
    assert dropbox.files == {
        "assets": (f"{tmp_path}/drop/assets-*.json",),
        "alerts": (f"{tmp_path}/drop/alerts-*.json",),
    }
    assert (dropbox.every, dropbox.settle, dropbox.snapshot, dropbox.tlp) == (300, 10, "none", None)
    assert scope_of(read.scope_rules, "guardian-north", site="Cell 3") == "north/cell-3"
    assert read.platforms["soc"].covers_by == "guardian-north"
    assert read.warnings == ()


def test_what_is_left_out_has_the_documented_default(load):
    read = load('[hub]\nname = "h"\n[platform.out]\nuse = "file"\n')
    assert read.primary == "out", "the only platform is the primary one"
    assert read.platforms["out"].max_tlp == "green"
    assert read.connectors == {}
    assert read.vault.credential == "isthmus-vault-key"
    assert load('[hub]\nname = "h"\n').primary is None


def test_nothing_can_be_changed_after_loading(load):
    read = load(GOOD)
    guardian = read.connectors["guardian-north"]
    for change in (
        lambda: setattr(read, "hub", None),
        lambda: setattr(guardian, "every", 1.0),
        lambda: read.connectors.update(x=guardian),
        lambda: read.connectors.pop("guardian-north"),
        lambda: guardian.settings.__setitem__("base_url", "https://elsewhere"),
        lambda: guardian.settings.__delitem__("base_url"),
        lambda: guardian.secrets.clear(),
        lambda: read.connectors["guardian-dropbox"].settings.setdefault("a", 1),
        lambda: guardian.settings.__ior__({"a": 1}),
    ):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            change()
    assert load(GOOD) == read
    assert copy.deepcopy(guardian.settings) == guardian.settings
    assert pickle.loads(pickle.dumps(guardian.settings)) == guardian.settings


@pytest.mark.parametrize(
    ("before", "after", "key", "hint"),
    [
        ('quota = "20GB"', 'qota = "20GB"', "hub.qota", '"quota"'),
        ('every = "5m"', 'evry = "5m"', "connector.guardian-north.evry", '"every"'),
        ("max_tlp", "maxtlp", "platform.soc.maxtlp", '"max_tlp"'),
        ("pin =", "pinn =", "connector.guardian-north.tls.pinn", '"pin"'),
        ('site = "Cell 3"', 'sight = "Cell 3"', "scope[0].when.sight", '"site"'),
        ("[platform.soc]", "[platfrom.soc]", "platfrom", '"platform"'),
    ],
)
def test_an_unknown_key_anywhere_is_named_with_file_line_and_the_nearest_known_one(
    problems, tmp_path, before, after, key, hint
):
    text = GOOD.replace(before, after, 1)
    found = {problem.key: problem for problem in problems(text)}
    assert found[key].place == f"{tmp_path}/isthmus.toml:{line_of(text, after.strip('[]'))}"
    assert "unknown key" in found[key].message
    assert f"did you mean {hint}?" in found[key].message


def test_all_problems_are_told_at_once_in_the_order_of_the_file(problems):
    text = (
        GOOD.replace('every = "5m"', 'every = "often"')
        .replace('quota = "20GB"', "quota = 20")
        .replace('max_tlp = "amber"', 'max_tlp = "orange"')
        .replace('use = "opensearch"', "")
    )
    found = problems(text)
    assert [problem.key for problem in found] == [
        "hub.quota",
        "connector.guardian-north.every",
        "platform.soc.use",
        "platform.soc.max_tlp",
    ]
    assert "is missing" in found[2].message
    assert all(problem.place.rpartition(":")[2].isdigit() for problem in found)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ('[hub]\nname = "a"\nname = "b"\n', 3, "set twice"),
        ("[hub]\nname = north\n", 2, "invalid value"),
        ("[hub\n", 1, "expected"),
        ('[hub]\nname = "a\n', 2, ""),
        ('[hub]\nname = """a\n', 3, ""),
        ("[hub]\nx = 1\n[hub]\n", 3, "twice"),
        ('\ufeff[hub]\nname = "a"\n', 1, "byte order mark"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(problems, text, line, word):
    (problem,) = problems(text)
    assert problem.place.endswith(f"isthmus.toml:{line}")
    assert "is not valid TOML" in problem.message
    assert word in problem.message.lower()


def test_a_syntax_error_does_not_repeat_the_text_beside_it(problems):
    for text in (
        "[hub]\npassword = hunter2-Kx9\n",
        '[hub]\n"hunter2-Kx9" = 1\n"hunter2-Kx9" = 2\n',
        '[hub]\na = "hunter2-Kx9\\q"\n',
        "[hunter2-Kx9]\n[hunter2-Kx9]\n",
    ):
        (problem,) = problems(text)
        assert "hunter2" not in str(problem)


def test_bytes_that_are_no_text_are_told_with_their_line(problems):
    (problem,) = problems(b'[hub]\nname = "caf\xe9"\n')
    assert problem.place.endswith(":2")
    assert "UTF-8" in problem.message


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigurationError, match="isthmus init"):
        config.load(tmp_path / "none.toml", environ={})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        config.load(tmp_path, environ={})


def test_deeply_nested_text_is_refused_not_crashed_on(problems):
    assert "nested" in problems("a = " + "[" * 20_000 + "]" * 20_000)[0].message


@pytest.mark.parametrize("value", ['"hunter2-Kx9"', '"pass:hunter2-Kx9"', "12345678", '["hunter2-Kx9"]', '"vault:"'])
def test_a_plain_secret_is_refused_with_the_way_to_store_it_and_is_not_repeated(problems, value):
    text = GOOD.replace('"vault:guardian-north/password"', value)
    (problem,) = problems(text)
    assert problem.key == "connector.guardian-north.secrets.password"
    assert "isthmus secret set guardian-north/password" in problem.message
    assert 'password = "vault:guardian-north/password"' in problem.message
    assert "hunter2" not in str(problem)
    assert "12345678" not in str(problem)


@pytest.mark.parametrize(
    ("written", "scheme", "name"),
    [
        ("keyring:isthmus/guardian", "keyring", "isthmus/guardian"),
        ("env:GUARDIAN_PASSWORD", "env", "GUARDIAN_PASSWORD"),
        ("file:/run/secrets/guardian", "file", "/run/secrets/guardian"),
        ("credential:guardian", "credential", "guardian"),
    ],
)
def test_every_kind_of_reference_is_read(load, written, scheme, name):
    read = load(GOOD.replace("vault:guardian-north/password", written))
    assert read.connectors["guardian-north"].secrets["password"] == SecretRef(scheme, name)


def test_files_are_found_from_the_folder_of_the_configuration(load, tmp_path):
    text = GOOD.replace("vault:guardian-north/password", "file:secret.txt").replace(
        f'pin = "sha256:{PIN}"', 'ca = "certs/ca.pem", cert = "/abs/c.pem", key = "k.pem"'
    )
    guardian = load(text).connectors["guardian-north"]
    assert guardian.secrets["password"].name == str(tmp_path / "secret.txt")
    assert guardian.tls.as_dict() == {
        "ca": str(tmp_path / "certs/ca.pem"),
        "cert": "/abs/c.pem",
        "key": str(tmp_path / "k.pem"),
    }


def test_brackets_in_the_folder_are_no_pattern(tmp_path):
    folder = tmp_path / "site [3]"
    folder.mkdir()
    (folder / "a-1.json").touch()
    (folder / "isthmus.toml").write_text(
        '[hub]\nname="h"\n[connector.x]\nuse="u"\nsource_id="s"\nfiles={ a = ["a-*.json", "./b.json"] }\n'
    )
    first, second = config.load(folder / "isthmus.toml", environ={}).connectors["x"].files["a"]
    import glob

    assert glob.glob(first) == [str(folder / "a-1.json")]  # noqa: PTH207 - how the patterns are used
    assert second.endswith("/b.json")
    assert "/./" not in second


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ('name = "north-works"', 'name = "north works"', "letters"),
        ('bus = "sqlite"', 'bus = "kafka://x"', "NATS"),
        ('bus = "sqlite"', 'bus = "nats://u:hunter2@x:4222"', "password"),
        (f"sha256:{PIN}", "sha256:abc", "64 hexadecimal"),
        (f'pin = "sha256:{PIN}"', 'key = "k.pem"', "cert"),
        ('quiet = "06:00-06:30"', 'quiet = "06:00"', "daily window"),
        ('every = "5m"', "every = 0", "above 0"),
        ('every = "5m"', "every = nan", "finite"),
        ('every = "5m"', "every = true", "duration"),
        ('every = "5m"', 'proxy = "http://u:hunter2@p:3128"', "password"),
        ('every = "5m"', 'proxy = "p:3128"', "proxy"),
        ('every = "5m"', "rate = 0", "above 0"),
        ('snapshot = "none"', 'snapshot = "yes"', "none"),
        ('tlp = "amber"', 'tlp = "AMBER"', "amber"),
        ('assets = "drop/assets-*.json"', "assets = []", "at least one"),
        ("[connector.guardian-dropbox]", '[connector."guardian dropbox"]', "letters"),
        ('site = "Cell 3"', 'subnet = "10.1.0.0/8"', '"10.0.0.0/8"'),
        ('use = "opensearch"', 'use = ""', "empty"),
        ("[hub]", "[hub]\nprimry = 1", '"primary"'),
    ],
)
def test_a_wrong_value_is_told_with_its_form(problems, before, after, word):
    found = problems(GOOD.replace(before, after, 1))
    assert any(word in problem.message for problem in found), found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("before", "after", "key", "near"),
    [
        ('primary = "soc"', 'primary = "sok"', "hub.primary", '"soc"'),
        (
            'covers_by = "guardian-north"',
            'covers_by = "guardian-nort"',
            "platform.soc.covers_by",
            '"guardian-north"',
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_told_with_the_nearest(problems, before, after, key, near):
    (problem,) = problems(GOOD.replace(before, after))
    assert problem.key == key
    assert near in problem.message


def test_several_platforms_need_a_primary(problems):
    (problem,) = problems(GOOD.replace('primary = "soc"\n', "") + '[platform.b]\nuse = "file"\n')
    assert problem.key == "hub.primary"
    assert "b, soc" in problem.message


def test_a_complete_set_of_files_needs_files(problems):
    (problem,) = problems(GOOD.replace('quiet = "06:00-06:30"', 'snapshot = "file"'))
    assert problem.key == "connector.guardian-north.snapshot"


def test_what_is_probably_not_meant_is_a_warning_with_its_place(load):
    text = GOOD.replace('source_id = "cmc-north"\nfiles', "files").replace(
        "[connector.guardian-north]",
        '[[scope]]\nname = "never"\nwhen = { instance = "guardian-north", site = "Cell 3", vlan = 4 }\n'
        '[[scope]]\nname = "lost"\nwhen = { instance = "guardian-nroth" }\n'
        '[connector.zeek]\nuse = "zeek"\nsource_id = "cmc-north"\n[connector.guardian-north]',
    )
    warnings = "\n".join(load(text).warnings)
    assert "guardian-dropbox: has no source_id" in warnings
    assert f":{line_of(text, 'never') - 1}: scope[1]: can never match" in warnings
    assert 'did you mean "guardian-north"' in warnings
    assert "has the same source_id as connector.zeek" in warnings
    assert load(text).source_id("guardian-dropbox") == "guardian-dropbox"


def test_the_place_of_a_key_can_be_asked_for(load, tmp_path):
    read = load(GOOD)
    file = f"{tmp_path}/isthmus.toml"
    assert read.where("connector", "guardian-north", "settings", "username") == f"{file}:{line_of(GOOD, 'username')}"
    assert read.where("platform", "soc", "proxy") == f"{file}:{line_of(GOOD, '[platform.soc]')}"
    assert read.where("vault") == file


def test_a_configuration_shows_no_settings_in_its_repr(load):
    assert "10.20.0.5" not in repr(load(GOOD))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_a_configuration_or_a_told_problem(tmp_path_factory, text):
    file = Path(tmp_path_factory.getbasetemp()) / "any.toml"
    file.write_text(text, newline="")
    try:
        config.load(file, environ={})
    except InvalidConfiguration as error:
        assert str(file) in str(error)


lines = GOOD.splitlines()


@given(
    st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=6), st.sampled_from(["", "x = 1", "[a]", "]", '"""'])
)
def test_a_damaged_configuration_is_told_never_crashed_on(tmp_path_factory, damaged, put):
    file = Path(tmp_path_factory.getbasetemp()) / "damaged.toml"
    file.write_text("\n".join(put if number in damaged else line for number, line in enumerate(lines)))
    try:
        config.load(file, environ={})
    except InvalidConfiguration as error:
        assert all(problem.place.startswith(str(file)) for problem in error.problems)


# -- zones, conduits, owners -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[[zone]]\nname = "cell"\nwhen = {}', "needs at least one condition"),
        ('[[zone]]\nname = "cell"\nwhen = { subnet = "10.0.0.5/24" }', "must be a subnet"),
        ('[[zone]]\nname = "cell"\nlevel = "6"\nwhen = { vlan = 3 }', "zone[0].level"),
        ('[[conduit]]\nfrom = "a"\nto = "b"\nservices = ["tcp/70000"]', "must be a protocol"),
        ('[[owner]]\nname = "ot"\nwhen = { klass = "plc" }', "klass"),
    ],
)
def test_a_mistake_in_a_zone_a_conduit_or_an_owner_is_named_with_its_place(
    tmp_path: Path, table: str, said: str
) -> None:
    file = tmp_path / "isthmus.toml"
    file.write_text(f'[hub]\nname = "works"\n\n{table}\n')
    with pytest.raises(InvalidConfiguration) as raised:
        config.load(file)
    assert said in str(raised.value)
    assert "isthmus.toml:" in str(raised.value)
