"""Settings of an older version are brought to the present one, step by step, by pure functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk import Connector, Settings, Url
from isthmus_sdk.commands.manifest import drift
from isthmus_sdk.errors import ConfigurationError, ManifestError, SettingsError
from isthmus_sdk.migrations import migrate, version_of


class Portal(Settings):
    base_url: Url
    page_size: int = 100


def portal() -> Connector[Portal]:
    made = Connector("portal_connector", settings=Portal)

    @made.migrates_settings(from_version=1)
    def with_a_scheme(settings: dict[str, Any]) -> dict[str, Any]:
        settings["base_url"] = f"https://{settings.pop('host')}"
        return settings

    @made.migrates_settings(from_version=2)
    def renamed(settings: dict[str, Any]) -> dict[str, Any]:
        if "size" in settings:
            settings["page_size"] = settings.pop("size")
        return settings

    return made


def migrated(settings: dict[str, Any], version: int) -> dict[str, Any]:
    return migrate(portal().settings_migrations, settings, version)


def test_the_version_is_one_more_than_the_last_step() -> None:
    assert portal().settings_version == 3
    assert version_of({}) == 1


@pytest.mark.parametrize(
    ("version", "written"),
    [
        (1, {"host": "portal.example", "size": 5}),
        (2, {"base_url": "https://portal.example", "size": 5}),
        (3, {"base_url": "https://portal.example", "page_size": 5}),
    ],
)
def test_settings_of_every_version_become_those_of_the_present(version: int, written: dict[str, Any]) -> None:
    assert migrated(written, version) == {"base_url": "https://portal.example", "page_size": 5}


def test_what_was_given_stays_as_it_was() -> None:
    written = {"base_url": "https://portal.example", "size": 5, "deep": {"list": [1]}}
    before = {**written, "deep": {"list": [1]}}
    migrated(written, 2)
    assert written == before


@pytest.mark.parametrize("version", [0, -1, 4])
def test_a_version_that_there_never_was_is_refused_with_those_that_are_known(version: int) -> None:
    with pytest.raises(ConfigurationError, match="knows 1 to 3"):
        migrated({}, version)


def test_a_step_that_was_removed_is_named() -> None:
    with pytest.raises(ConfigurationError, match="from settings of version 1 to 2 any more"):
        migrate({2: dict}, {}, 1)


def test_a_step_that_fails_is_named_without_the_values() -> None:
    def broken(settings: dict[str, Any]) -> dict[str, Any]:
        raise ValueError(settings["host"])

    with pytest.raises(SettingsError, match="from version 1 to 2 failed with ValueError") as refused:
        migrate({1: broken}, {"host": "plant.internal"}, 1)
    assert "plant.internal" not in str(refused.value)
    with pytest.raises(SettingsError, match="gave NoneType"):
        migrate({1: lambda settings: None}, {}, 1)  # type: ignore[dict-item,return-value]


@pytest.mark.parametrize("version", [0, "1", True, 1.0])
def test_a_step_from_no_version_is_refused(version: Any) -> None:
    with pytest.raises(ManifestError, match="whole numbers"):
        Connector("c", settings=Portal).migrates_settings(from_version=version)(dict)


def test_two_functions_for_one_step_are_refused() -> None:
    with pytest.raises(ManifestError, match="two migrations"):
        portal().migrates_settings(from_version=1)(dict)


def test_a_manifest_with_another_version_than_the_code_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = portal()
    manifest = '[connector]\nname = "portal"\nversion = "1.0.0"\nsdk_api = ">=1,<2"\n'
    (tmp_path / "connector.toml").write_text(manifest)
    monkeypatch.setattr("isthmus_sdk.commands.manifest.package_folder", lambda _package: tmp_path)
    assert [line for line in drift(made) if "settings_version = 3" in line]
    (tmp_path / "connector.toml").write_text(manifest + "settings_version = 3\n")
    assert not [line for line in drift(made) if "settings_version" in line]
