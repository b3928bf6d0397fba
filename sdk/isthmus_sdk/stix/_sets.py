"""Rules over several objects: versions of one object, translations, variants, and what is referred to but missing.

They hold for whatever is looked at together: a bundle, a file, a page. Nothing here looks inside one object alone. Of each
object a few facts are kept, so that a file of any size can pass through one after another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._explain import Problem, stated
from isthmus_sdk.stix._json import digest
from isthmus_sdk.stix._markings import TLP, TLP_1
from isthmus_sdk.stix._refs import refs
from isthmus_sdk.stix._time import instant, is_timestamp

Object = Mapping[str, Any]
Found = tuple[Any, Problem]
"""What was given as ``where`` with the object that is at fault, and its fault."""
_ABSENT_MEANS_FALSE = ("revoked", "defanged")
_KNOWN_EVERYWHERE: Final = frozenset({*TLP.values(), *TLP_1.values()})
"""Markings that the standard itself defines need not be sent along."""


def set_problems(objects: Iterable[Object]) -> list[Problem]:
    """Every MUST that valid objects break together: `problems` of each is the caller's."""
    return [problem for _, problem in _together(objects).problems()]


def set_warnings(objects: Iterable[Object]) -> list[Problem]:
    """What is advised about valid objects together: references that lead nowhere (the first to each target),
    translations of no version there.
    """
    return [problem for _, problem in _together(objects).warnings()]


class _Version(NamedTuple):
    where: Any
    created: Any
    modified: str
    author: Any
    revoked: bool
    content: bytes


class _Mention(NamedTuple):
    """An object that says something about another one."""

    where: Any
    id: str
    path: str
    target: str


class Together:
    """Takes valid objects one after another. Those beyond ``most`` are not followed any more, and ``full`` says so: then
    what the first ones refer to may be among them, and is not looked for.
    """

    def __init__(self, most: int | None = None) -> None:
        self.full = False
        self._most = most
        self._count = 0
        self._versions: dict[str, list[_Version]] = defaultdict(list)
        self._plain: set[str] = set()
        """Ids of what has no versions."""
        self._wanted: dict[str, _Mention] = {}
        """Target that was not seen yet -> who first pointed at it."""
        self._families: dict[str, set[bool]] = defaultdict(set)
        self._variants: list[tuple[_Mention, str]] = []
        self._translations: list[tuple[_Mention, str]] = []

    def add(self, obj: Object, where: Any = None, *, follow: bool = True) -> None:
        """Look at one more object; ``where`` is given back with its faults. ``follow``: look for what it refers to."""
        id = obj.get("id")
        if self.full or not isinstance(id, str):
            return
        self._count += 1
        if self._most is not None and self._count > self._most:
            self.full = True
            self._wanted.clear()
            self._translations.clear()
            return
        self._wanted.pop(id, None)
        if "created" in obj:
            try:
                content = _said(obj)
            except RecordError:
                return
            author, revoked = obj.get("created_by_ref"), obj.get("revoked") is True
            self._versions[id].append(
                _Version(where, _instant(obj["created"]), _modified(obj), author, revoked, content)
            )
        else:
            self._plain.add(id)
        self._mentions(obj, id, where)
        if follow:
            for path, target in refs(obj):
                if target not in self._versions and target not in self._plain and target not in _KNOWN_EVERYWHERE:
                    self._wanted.setdefault(target, _Mention(where, id, path, target))

    def _mentions(self, obj: Object, id: str, where: Any) -> None:
        if isinstance(obj.get("is_family"), bool):
            self._families[id].add(obj["is_family"])
        elif obj.get("relationship_type") == "variant-of":
            source, target = (str(obj.get(end)) for end in ("source_ref", "target_ref"))
            self._variants.append((_Mention(where, id, "relationship_type", target), source))
        elif obj.get("type") == "language-content" and "object_modified" in obj:
            mention = _Mention(where, id, "object_modified", str(obj.get("object_ref")))
            self._translations.append((mention, _instant(obj["object_modified"])))

    def problems(self) -> Iterator[Found]:
        """Every MUST that the objects break together."""
        for id, known in self._versions.items():
            yield from _versions(id, known)
        for mention, source in self._variants:  # section 4.11
            if True in self._families.get(source, ()) and False in self._families.get(mention.target, ()):
                yield _fault(mention, "family-variant", "a family is no variant of an instance")
        yield from self._reused()

    def warnings(self) -> Iterator[Found]:
        """What is advised about them together."""
        for mention in self._wanted.values():
            yield _fault(mention, "unresolved-reference", f"{mention.target} is not in the input")
        for mention, wanted in self._translations:  # section 7.1: the version may be elsewhere
            known = self._versions.get(mention.target)
            if known and all(each.modified != wanted for each in known):
                yield _fault(mention, "translated-version", "no version of the object there has it")

    def _reused(self) -> Iterator[Found]:
        """Section 2.9: a producer, as far as objects name one, gives a UUID to objects of one type only."""
        owners: dict[tuple[str, str], str] = {}
        for id, known in self._versions.items():
            author = known[0].author
            if not isinstance(author, str):
                continue
            other = owners.setdefault((author, id[-36:].lower()), id)
            if other[:-38] != id[:-38]:
                mention = _Mention(known[0].where, id, "id", other)
                yield _fault(mention, "uuid-reused", f"the same producer gave its UUID to {other}")


def _together(objects: Iterable[Object]) -> Together:
    found = Together()
    for obj in objects:
        found.add(obj)
    return found


def _fault(mention: _Mention, rule: str, message: str) -> Found:
    return mention.where, stated(mention.id, mention.path, rule, message)


def _versions(id: str, known: list[_Version]) -> Iterator[Found]:
    """Section 3.6 and "created" of 3.2: what stays the same over the versions of one object, and where they end."""
    if len(known) < 2:
        return
    ordered = sorted(known, key=lambda version: version.modified)
    first = ordered[0]
    for each in ordered[1:]:
        if each.created != first.created:
            mention = _Mention(each.where, id, "created", "")
            yield _fault(mention, "version-created", "differs from another version of the object")
        if each.author != first.author:
            mention = _Mention(each.where, id, "created_by_ref", "")
            yield _fault(mention, "version-author", "differs from another version of the object")
    for earlier, later in pairwise(ordered):
        mention = _Mention(later.where, id, "modified", "")
        if earlier.modified == later.modified:
            if earlier.content != later.content:
                yield _fault(mention, "version-content", "this version is there with other content, too")
        elif earlier.revoked:
            yield _fault(mention, "version-after-revoked", "follows a version that is revoked")


def _modified(obj: Object) -> str:
    """A sort key; the same for all representations of what has no versions."""
    value = obj.get("modified", obj.get("created", ""))
    return instant(value) if isinstance(value, str) and is_timestamp(value) else ""


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
