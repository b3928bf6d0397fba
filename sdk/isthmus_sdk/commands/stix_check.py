"""``stix check``: objects, a bundle or NDJSON against the rules of STIX 2.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError

PARTIAL = 4
_DECODE: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def check_stix(data: bytes) -> tuple[dict[str, Any], int]:
    """``{"objects", "valid", "errors": [{"index", "id", "path", "rule", "message"}], "warnings": [same]}`` and the exit code.

    Input is one object, a bundle, an array of objects, or one object (or bundle) per line. Exit code 4 where an object
    is invalid; text that is no JSON is an invalid object of its own.
    """
    from isthmus_sdk import stix

    errors: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    objects = valid = 0
    for obj in _objects(data):
        index = objects
        objects += 1
        if isinstance(obj, Exception):
            errors.append({"index": index, "id": "", "path": "", "rule": "json", "message": str(obj)})
            continue
        if not isinstance(obj, dict):
            message = f"an object is expected, this is {type(obj).__name__}"
            errors.append({"index": index, "id": "", "path": "", "rule": "object", "message": message})
            continue
        found = [_entry(index, problem) for problem in stix.problems(obj)]
        errors.extend(found)
        warnings.extend(_entry(index, problem) for problem in stix.warnings(obj))
        valid += not found
    report = {"objects": objects, "valid": valid, "errors": errors, "warnings": warnings}
    return report, PARTIAL if errors else 0


def _entry(index: int, problem: Any) -> dict[str, Any]:
    return {
        "index": index,
        "id": problem.id,
        "path": problem.path,
        "rule": problem.rule,
        "message": problem.message,
    }


def _objects(data: bytes) -> Iterator[Any]:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        return
    whole = _decoded(data)
    if not isinstance(whole, Exception):
        yield from _spread(whole)
        return
    lines = [line for line in data.splitlines() if line.strip()]
    if len(lines) < 2 or isinstance(_decoded(lines[0]), Exception):
        yield whole  # one broken document, not a sequence of lines
        return
    for line in lines:
        yield from _spread(_decoded(line))


def _spread(document: Any) -> Iterator[Any]:
    if isinstance(document, list):
        for item in document:
            yield from _spread(item) if isinstance(item, dict) else (item,)
    elif isinstance(document, dict) and document.get("type") == "bundle":
        inner = document.get("objects", [])
        if isinstance(inner, list):
            yield from inner
        else:
            yield RecordError("the bundle's objects are not a list")
    else:
        yield document


def _decoded(data: bytes) -> Any:
    try:
        return _DECODE.decode(data)
    except RecursionError:
        return RecordError("nested too deeply")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        return RecordError(f"not valid JSON: {error}")


__all__ = ["check_stix"]
