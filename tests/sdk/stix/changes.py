"""How the tables of objects are written: a sound example of a type, and what is changed in it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from tests.sdk.stix.examples import IPV4

Json = dict[str, Any]
Change = Callable[[Json], Json]

UUID_4 = "3f1b2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
UUID_5 = IPV4[-36:]
EXTENSION = f"extension-definition--{UUID_4}"
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")


def put(path: str, value: Any, *more: Any) -> Change:
    """Set the value at ``path`` (``a.b[0].c``), and further pairs of path and value."""

    def change(obj: Json) -> Json:
        made = copy.deepcopy(obj)
        pairs = [(path, value), *zip(more[::2], more[1::2], strict=True)]
        for where, what in pairs:
            steps: list[Any] = [int(step[1:-1]) if step[0] == "[" else step for step in _STEP.findall(where)]
            at: Any = made
            for step in steps[:-1]:
                at = at[step]
            at[steps[-1]] = copy.deepcopy(what)
        return made

    return change


def key(name: Any, value: Any) -> Change:
    """Set a property whose name is no path."""
    return lambda obj: {**obj, name: value}


def drop(*names: str) -> Change:
    """Without the properties."""
    return lambda obj: {name: value for name, value in obj.items() if name not in names}


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(obj: Json) -> Json:
        for each in changes:
            obj = each(obj)
        return obj

    return change


def only(**own: Any) -> Change:
    """Nothing but the common properties, and these."""
    common = ("type", "spec_version", "id", "created", "modified")
    return lambda obj: {name: obj[name] for name in common if name in obj} | own


def as_version(digit: str) -> Change:
    """With a UUID of another version."""
    return lambda obj: {**obj, "id": f"{obj['id'][:-22]}{digit}{obj['id'][-21:]}"}


def extension(name: str, **body: Any) -> Change:
    """With one extension."""
    return lambda obj: {**obj, "extensions": {name: body}}


def marked(*selectors: Any, **more: Any) -> Change:
    """With a granular marking."""
    ref = {} if "lang" in more and "marking_ref" not in more else {"marking_ref": f"marking-definition--{UUID_4}"}
    return lambda obj: {**obj, "granular_markings": [{**ref, "selectors": list(selectors), **more}]}


def reference(**body: Any) -> Change:
    """With one external reference."""
    return lambda obj: {**obj, "external_references": [body]}


def container(**objects: Any) -> Change:
    """Observed data with the deprecated container; keys are written ``_0``, ``_1``."""
    inner = {name.removeprefix("_"): body for name, body in objects.items()}
    return lambda obj: {**drop("object_refs")(obj), "objects": inner}
