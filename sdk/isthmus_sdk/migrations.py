"""What an older version of a connector left, brought to the present one by pure functions: settings, and where streams go on.

A connector registers one function for each step, ``@acme.migrates_settings(from_version=1)``; the version of the settings is
one more than the last step. An operator whose configuration is older says so (``settings_version = 1``) and changes nothing else.
The functions run in the worker, before the settings are checked; the hub imports none of them.

A stream's state is migrated likewise, ``@alerts.migrates_state(from_version=1)``, when its ``version=`` is raised. Such a function
can only go back: a mark that is later, or a position that is another one, would pass by records that nobody read, and is refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from isthmus_sdk.errors import ConfigurationError, IsthmusError, ManifestError, RecordError, SettingsError
from isthmus_sdk.marks import read_mark, text_of

Migration = Callable[[dict[str, Any]], dict[str, Any]]
"""Settings of one version in, those of the next out. It sees no secret, and may change the dict it is given."""

StateMigration = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Where a stream goes on, ``{"kind", "high", "position"}``, for one version in, for the next out; ``None``: start anew."""
F = TypeVar("F", bound=Callable[..., Any])


def register(steps: dict[int, F], from_version: int, function: F, *, of: str = "settings") -> None:
    """Enter a step. Raises ``ManifestError`` where it is no next version, or there is one already."""
    if isinstance(from_version, bool) or not isinstance(from_version, int) or from_version < 1:
        raise ManifestError(f"migration of {of} from_version={from_version!r}: versions are whole numbers from 1 on")
    if from_version in steps:
        raise ManifestError(f"{of} of version {from_version} have two migrations; a step has one")
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


def migrate_state(
    steps: Mapping[int, StateMigration], state: Mapping[str, Any], version: int, to: int
) -> dict[str, Any] | None:
    """Where a stream goes on, from ``version`` to version ``to``; ``None``: nothing leads there, or a step says to start anew.

    ``state`` is plain data: ``kind`` of the mark (``time``, ``number``, ``text``, or empty where there is none yet), ``high``, up to
    which everything is stored (times as ISO text), and ``position`` of a walk that was interrupted, or in a file. What is given stays
    as it is. Raises ``IsthmusError`` for a step that fails, and for a result that could pass records by; the message has no value.
    """
    if not 1 <= version < to:
        return None
    now = copy.deepcopy(dict(state))
    for step in range(version, to):
        function = steps.get(step)
        if function is None:
            return None
        where = f"the migration of state from version {step} to {step + 1}"
        try:
            made = function(copy.deepcopy(now))
        except Exception as error:  # the connector's code; its words may hold a value
            raise IsthmusError(f"{where} failed with {type(error).__name__}{_NOTHING_LOST}") from None
        if made is None:
            return None
        now = _no_later(now, made, where)
    return now


_NOTHING_LOST = (
    "; the stream waits where it was: install a version of the connector whose migration holds, or the one before"
)


def _no_later(before: Mapping[str, Any], made: Any, where: str) -> dict[str, Any]:
    """What a step gave, if it is no later than what it got. A position holds only beside the mark it was made with."""
    if not isinstance(made, dict) or made.keys() != before.keys():
        raise IsthmusError(f"{where} gave no dict with {', '.join(before)}{_NOTHING_LOST}")
    if made["kind"] != before["kind"]:
        raise IsthmusError(
            f"{where} gave a mark of another kind; a stream with another kind of mark starts anew (None){_NOTHING_LOST}"
        )
    if made["position"] is not None and made["position"] != before["position"]:
        raise IsthmusError(
            f"{where} gave another position; it may keep the one there is, or drop it (None){_NOTHING_LOST}"
        )
    high, position = made["high"], made["position"]
    if high is not None and high != before["high"]:
        try:
            mark = read_mark(before["kind"], high)
            earlier = before["high"] is not None and mark <= read_mark(before["kind"], before["high"])
        except (TypeError, ValueError, OverflowError, RecordError):
            earlier = False
        if not earlier:
            raise IsthmusError(f"{where} gave a mark that is not earlier than the one before{_NOTHING_LOST}")
        high = text_of(mark)
    return {"kind": made["kind"], "high": high, "position": position if high == before["high"] else None}


__all__ = ["Migration", "StateMigration", "migrate", "migrate_state", "register", "version_of"]
