"""Settings that were written for an older version of a connector, brought to the present one by pure functions.

A connector registers one function for each step, ``@acme.migrates_settings(from_version=1)``; the version of the settings is
one more than the last step. An operator whose configuration is older says so (``settings_version = 1``) and changes nothing else.
The functions run in the worker, before the settings are checked; the hub imports none of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from isthmus_sdk.errors import ConfigurationError, ManifestError, SettingsError

Migration = Callable[[dict[str, Any]], dict[str, Any]]
"""Settings of one version in, those of the next out. It sees no secret, and may change the dict it is given."""


def register(steps: dict[int, Migration], from_version: int, function: Migration) -> None:
    """Enter a step. Raises ``ManifestError`` where it is no next version, or there is one already."""
    if isinstance(from_version, bool) or not isinstance(from_version, int) or from_version < 1:
        raise ManifestError(f"migrates_settings(from_version={from_version!r}): versions are whole numbers from 1 on")
    if from_version in steps:
        raise ManifestError(f"settings of version {from_version} have two migrations; a step has one")
    steps[from_version] = function


def version_of(steps: Mapping[int, Migration]) -> int:
    """The version of settings that these steps lead to; 1 where there is none."""
    return max(steps, default=0) + 1


def migrate(steps: Mapping[int, Migration], settings: Mapping[str, Any], version: int) -> dict[str, Any]:
    """``settings`` of ``version`` as those of the present version; what is given stays as it is.

    Raises ``ConfigurationError`` for a version that there never was, or that no step leads away from, and ``SettingsError``
    where a step fails; the message names the step and no value.
    """
    present = version_of(steps)
    if not 1 <= version <= present:
        raise ConfigurationError(
            f"settings_version = {version}: this version of the connector knows 1 to {present}; "
            "install the one that the settings were written for, or write the present settings and leave the key out"
        )
    values = copy.deepcopy(dict(settings))
    for step in range(version, present):
        function = steps.get(step)
        if function is None:
            raise ConfigurationError(
                f"settings_version = {version}: nothing leads from settings of version {step} to {step + 1} any more; "
                "write the present settings and leave the key out"
            )
        try:
            values = function(values)
        except Exception as error:  # the connector's code; its words may hold a value
            raise SettingsError(
                f"the migration of settings from version {step} to {step + 1} failed with {type(error).__name__}; "
                "write the present settings and leave settings_version out"
            ) from None
        if not isinstance(values, dict):
            raise SettingsError(
                f"the migration of settings from version {step} to {step + 1} gave {type(values).__name__}, no dict"
            )
    return values


__all__ = ["Migration", "migrate", "register", "version_of"]
