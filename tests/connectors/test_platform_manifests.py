"""What operators read of a platform without running it fits the code."""

from __future__ import annotations

import pytest

from isthmus_sdk.loader import find, load_platform
from isthmus_sdk.manifest import read
from isthmus_sdk.platform import Platform
from isthmus_sdk.settings import is_secret, secret_names

PLATFORMS = {name: f"isthmus_connectors.{name}.platform:{name}" for name in ("file", "opensearch", "taxii")}


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_is_loaded_by_its_entry_point_value(name):
    platform = load_platform(PLATFORMS[name])
    assert isinstance(platform, Platform)
    assert platform.isthmus_platform() is platform


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_manifest_names_the_settings_and_secrets_of_the_code(name):
    platform = load_platform(PLATFORMS[name])
    found = find(name, "platform")
    assert found.error is None
    manifest = read(found.manifest_path)
    fields = platform.settings.model_fields
    assert set(manifest.secrets) == set(secret_names(platform.settings))
    assert set(manifest.settings) == {key for key, field in fields.items() if not is_secret(field)}
    required = set(manifest.settings_schema["required"])
    assert required == {key for key, field in fields.items() if field.is_required() and not is_secret(field)}


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_readme_stands_beside_the_code(name):
    readme = find(name, "platform").manifest_path.with_name("README.md")
    assert name in readme.read_text().lower()
