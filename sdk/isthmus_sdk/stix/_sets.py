"""Rules over several objects: versions of one object, translations, variants, and what is referred to but missing.

They hold for whatever is looked at together: a bundle, a file, a page. Nothing here looks inside one object alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from isthmus_sdk.stix._explain import Problem
from isthmus_sdk.stix._json import digest
from isthmus_sdk.stix._refs import refs
from isthmus_sdk.stix._rulebook import RULES
from isthmus_sdk.stix._time import instant, is_timestamp

Object = Mapping[str, Any]
_ABSENT_MEANS_FALSE = ("revoked", "defanged")


def set_problems(objects: Iterable[Object]) -> list[Problem]:
    """Every MUST that valid objects break together: `problems` of each is the caller's."""
    versions = _by_id(objects)
    found = [problem for id, known in versions.items() for problem in _versions(id, known)]
    return [*found, *_variants(versions), *_reused(versions)]


def set_warnings(objects: Iterable[Object]) -> list[Problem]:
    """What is advised about valid objects together: references that lead nowhere, translations of no version there."""
    versions = _by_id(objects)
    return [*_unresolved(versions), *_translations(versions)]


def _problem(obj: Object, path: str, rule: str, message: str) -> Problem:
    section = RULES[rule].section
    return Problem(str(obj.get("id", "")), path, rule, f"{message} (section {section})", section)


def _by_id(objects: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = defaultdict(list)
    for obj in objects:
        if isinstance(obj.get("id"), str):
            found[obj["id"]].append(obj)
    return found


def _modified(obj: Object) -> str:
    """A sort key; the same for all representations of what has no versions."""
    value = obj.get("modified", obj.get("created", ""))
    return instant(value) if isinstance(value, str) and is_timestamp(value) else ""


def _versions(id: str, known: list[Object]) -> Iterator[Problem]:
    """Section 3.6 and "created" of 3.2: what stays the same over the versions of one object, and where they end."""
    if len(known) < 2 or "created" not in known[0]:
        return
    ordered = sorted(known, key=_modified)
    first = ordered[0]
    for each in ordered[1:]:
        if _instant(each.get("created")) != _instant(first.get("created")):
            yield _problem(
                each, "created", "version-created", f"differs from another version: {first.get('created')!r}"
            )
        if each.get("created_by_ref") != first.get("created_by_ref"):
            yield _problem(each, "created_by_ref", "version-author", "differs from another version of the object")
    for earlier, later in pairwise(ordered):
        if _modified(earlier) == _modified(later):
            if _said(earlier) != _said(later):
                yield _problem(later, "modified", "version-content", "this version is there with other content, too")
        elif earlier.get("revoked") is True:
            yield _problem(later, "modified", "version-after-revoked", "follows a version that is revoked")


def _instant(value: Any) -> Any:
    return instant(value) if isinstance(value, str) and is_timestamp(value) else value


def _said(obj: Object) -> bytes:
    """Content to compare: a default may be left out (section 3.6), and a time may be written with more digits."""
    return digest(
        {
            name: _instant(value)
            for name, value in obj.items()
            if not (name in _ABSENT_MEANS_FALSE and value is False) and not (name == "lang" and value == "en")
        }
    )


def _variants(versions: Mapping[str, list[Object]]) -> Iterator[Problem]:
    """Section 4.11: a family is no variant of an instance."""
    for known in versions.values():
        for obj in known:
            if obj.get("type") != "relationship" or obj.get("relationship_type") != "variant-of":
                continue
            source, target = (versions.get(str(obj.get(end)), ()) for end in ("source_ref", "target_ref"))
            if any(each.get("is_family") is True for each in source) and any(
                each.get("is_family") is False for each in target
            ):
                yield _problem(obj, "relationship_type", "family-variant", "a family is no variant of an instance")


def _reused(versions: Mapping[str, list[Object]]) -> Iterator[Problem]:
    """Section 2.9: a producer, as far as objects name one, gives a UUID to objects of one type only."""
    owners: dict[tuple[str, str], str] = {}
    for id, known in versions.items():
        author = known[0].get("created_by_ref")
        if not isinstance(author, str):
            continue
        other = owners.setdefault((author, id[-36:].lower()), id)
        if other[:-38] != id[:-38]:
            yield _problem(known[0], "id", "uuid-reused", f"the same producer gave its UUID to {other}")


def _unresolved(versions: Mapping[str, list[Object]]) -> Iterator[Problem]:
    for known in versions.values():
        for obj in known:
            for path, ref in refs(obj):
                if ref not in versions:
                    yield _problem(obj, path, "unresolved-reference", f"{ref} is not in the set")


def _translations(versions: Mapping[str, list[Object]]) -> Iterator[Problem]:
    """Section 7.1: ``object_modified`` matches the version that was translated, which may be elsewhere."""
    for known in versions.values():
        for obj in known:
            wanted, translated = obj.get("object_modified"), versions.get(str(obj.get("object_ref")))
            if obj.get("type") != "language-content" or wanted is None or not translated:
                continue
            if all(each.get("modified") != wanted for each in translated):
                yield _problem(
                        obj, "object_modified", "translated-version", "no version of the object there has it"
                    )
