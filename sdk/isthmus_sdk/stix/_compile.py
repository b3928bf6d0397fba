"""Checkers that say yes quickly, one per type, compiled from the table on first use.

A checker accepts only what is certainly valid. It need not recognise everything valid: whatever it does not accept goes
to the explainer, whose word is final. So it may be short, and a test holds it against the explainer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import call
from typing import Any, Final

from isthmus_sdk.stix import _grammar as grammar
from isthmus_sdk.stix._explain import custom_entry, may_point_at
from isthmus_sdk.stix._identifiers import END_LENGTH, UUID_LENGTH, ends_in_uuid
from isthmus_sdk.stix._leaves import TEXTS, is_integer, is_number, is_text
from isthmus_sdk.stix._rules import SPECIAL
from isthmus_sdk.stix._table import EXTENSIONS, PARTS, TYPES, Entry
from isthmus_sdk.stix._table.notation import COMMON, RESERVED, VERSIONED, Kind, Rule
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES
from isthmus_sdk.stix._time import instant, is_timestamp

Test = Callable[[Any], bool]

_PURE: Final = frozenset({"hex", "mac", "ipv4", "charset", "binary"})
"""Kinds whose test is one ASCII expression: quicker than a cache, and no foreign value passes it."""

_VERSION_MARKS: Final = frozenset(("created_by_ref", "created", "modified", "revoked"))
_DEEPEST = 60
_CACHED = 8_192
_TYPES_HELD = 512
"""Custom types beyond these are left to the explainer: foreign data decides how many there are."""
_EXTENSION_TYPES = VOCABULARIES["extension-type-enum"]
_names: set[str] = set()
"""Property names that were found sound."""


def accepts(obj: Mapping[str, Any]) -> bool:
    """Whether ``obj`` is certainly valid: a plain dict of a type of the standard that keeps every MUST."""
    try:
        kind = obj["type"]
        checker = _checkers.get(kind)
        if checker is None:
            checker = _compile(kind)
        return checker(obj)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return False


def _compile(kind: str) -> Test:
    entry = TYPES.get(kind)
    if entry is None:
        if kind == "bundle" or not grammar.is_type_name(kind) or len(_checkers) >= _TYPES_HELD:
            return _never
        entry = custom_entry(kind)
    checker = _never if entry.family == "META" else _object_checker(entry)
    _checkers[kind] = checker
    return checker


def _is_property_name(name: Any) -> bool:
    if not grammar.is_property_name(name):
        return False
    if len(_names) < _CACHED:
        _names.add(name)
    return True


_keys: set[str] = set()
"""Dictionary keys that were found sound."""


def _is_dictionary_key(key: Any) -> bool:
    if not grammar.is_dictionary_key(key):
        return False
    if len(_keys) < _CACHED:
        _keys.add(key)
    return True


def _never(_value: Any) -> bool:
    return False


_checkers: dict[str, Test] = {}


# The hot path of every connector. Objects of one type mostly have the same properties in the same order, so the tests of
# such a *layout* are lined up once; after that the interpreter only runs ``all(map(call, tests, values))``, which is C.
# Tests in a layout are C functions where they can be: a set's ``__contains__`` for values seen before, ``str.isascii`` for
# text. What they do not know (or a layout never met) goes through the loop, which is complete and fills the memories.

_LAYOUTS_HELD = 256
_WIDEST = 64
_Layout = tuple[tuple[Test, ...], tuple[Test, ...]]


def _object_checker(entry: Entry) -> Test:
    kinds = {name: prop.kind for name, prop in entry.properties.items()}
    if entry.family == "SCO":  # the explainer has more to say about these, but looks at their values alike
        kinds |= {name: prop.kind for name, prop in VERSIONED.items()}
    start = f"{entry.name}--"

    def is_own_id(id: Any) -> bool:
        return type(id) is str and id[:-UUID_LENGTH] == start and ends_in_uuid(id)

    own: dict[str, Test] = {
        "type": frozenset({entry.name}).__contains__,
        "id": is_own_id,
        "spec_version": frozenset({"2.1"}).__contains__,
        "granular_markings": _never,  # selectors are the explainer's
    }
    own |= dict.fromkeys(left_to_the_explainer(entry), _never)
    required = {"type", "id", *(name for name, prop in entry.properties.items() if prop.required)}
    if entry.family not in ("SCO", "CUSTOM"):
        required.add("spec_version")
    return _layout_checker(kinds, own, frozenset(required), entry)


def left_to_the_explainer(entry: Entry) -> frozenset[str]:
    """Properties that an object of this type hardly ever has, because the standard bars them or sees trouble in them."""
    return RESERVED | {*entry.forbidden} | (_VERSION_MARKS if entry.family == "SCO" else frozenset())


def _structure_checker(entry: Entry) -> Test:
    """As `_object_checker`, for structures without id."""
    kinds = {name: prop.kind for name, prop in entry.properties.items()}
    required = frozenset(name for name, prop in entry.properties.items() if prop.required)
    return _layout_checker(kinds, {}, required, entry)


def _layout_checker(  # noqa: C901 - three small functions around one memory
    kinds: Mapping[str, Kind], own: Mapping[str, Test], required: frozenset[str], entry: Entry
) -> Test:
    tests = {name: _test(kind) for name, kind in kinds.items()} | dict(own)
    always, guarded = _rules(entry)
    layouts: dict[tuple[str, ...], _Layout] = {}

    def loop(value: Any) -> bool:
        if not required <= value.keys():
            return False
        for name, item in value.items():
            test = tests.get(name)
            if test is None:
                if (name not in _names and not _is_property_name(name)) or not _plain(item, 0):
                    return False
            elif not test(item):
                return False
        return all(rule(value) for name, rule in guarded if name in value) and all(rule(value) for rule in always)

    def lay_out(names: tuple[str, ...]) -> None:
        if len(layouts) < _LAYOUTS_HELD and len(names) <= _WIDEST:
            in_order = tuple(_c_test(tests.get(name)) for name in names)
            layouts[names] = (in_order, (*(rule for name, rule in guarded if name in names), *always))

    def checker(value: Any) -> bool:
        if type(value) is not dict:
            return False
        names = tuple(value)
        layout = layouts.get(names)
        if layout is None:
            sound = loop(value)
            if sound:
                lay_out(names)
            return sound
        try:
            if not all(map(call, layout[0], value.values())):
                return loop(value)
        except TypeError:  # a value of another kind than its test can take: the loop knows what it is
            return loop(value)
        for rule in layout[1]:  # noqa: SIM110 - a generator costs more than the rules
            if not rule(value):
                return False
        return True

    return checker


def _c_test(test: Test | None) -> Test:
    """The quickest test that never says yes where the given one says no."""
    if test is None:
        return _plain_at_top
    return str.isascii if test is is_text else test


def _plain_at_top(value: Any) -> bool:
    return _plain(value, 0)


_REMEMBERED: Final = frozenset({"type name"})
"""Kinds of which there are few different values."""


def _remembering(full: Test) -> Test:
    """A test that knows again what it found sound."""
    known: set[str] = set()

    def test(value: Any) -> bool:
        if value in known:
            return True
        if not full(value):
            return False
        if len(known) >= _CACHED:
            known.clear()
        known.add(value)
        return True

    return test


@lru_cache(maxsize=512)
def _test(kind: Kind) -> Test:
    """The test of one kind; the same kind gives the same function."""
    return _remembering(_full_test(kind)) if kind.name in _REMEMBERED else _full_test(kind)


def _full_test(kind: Kind) -> Test:
    name = kind.name
    if name == "text":
        return is_text
    if name == "timestamp":
        return is_timestamp
    if name == "milliseconds":
        return lambda value: len(value) >= 24 and is_timestamp(value)
    if name in TEXTS:
        test = TEXTS[name].test
        if name in _PURE:
            return test
        return _guarded(test) if name in _REMEMBERED else lru_cache(maxsize=_CACHED)(_guarded(test))
    if name == "list":
        assert kind.of is not None
        return _list_test(_test(kind.of))
    if name == "enum":
        return VOCABULARIES[kind.choices].__contains__
    if name == "vocabulary":
        return is_text
    if name == "ref":
        return _ref_test(kind.targets)
    if name == "part":
        return _structure_checker(PARTS[kind.part])
    if name == "dictionary" and kind.of is not None:
        return _dictionary_of(_test(kind.of))
    if name == "integer or text":
        return lambda value: is_integer(value) or is_text(value)
    if name in ("integer", "float"):
        return _number_test(is_integer if name == "integer" else is_number, kind)
    return {
        "boolean": _boolean, "hashes": _hashes, "dictionary": _dictionary, "extensions": _extensions,
    }.get(name, _never)  # fmt: skip


def _guarded(test: Callable[[str], bool]) -> Test:
    """Text tests are cached; they must not see anything but sound text, which the cache could mistake (1 == True)."""
    return lambda value: is_text(value) and test(value)


def _list_test(member: Test) -> Test:
    if member is is_text:
        return _texts

    def test(value: Any) -> bool:
        return type(value) is list and len(value) > 0 and all(map(member, value))

    return test


def _texts(value: Any) -> bool:
    return type(value) is list and len(value) > 0 and (all(map(str.isascii, value)) or all(map(is_text, value)))


def _ref_test(targets: tuple[str, ...]) -> Test:
    allowed: set[str] = set()

    def test(value: Any) -> bool:
        if type(value) is not str or not ends_in_uuid(value):
            return False
        kind = value[:-END_LENGTH]
        if kind in allowed:
            return True
        if not grammar.is_identifier(value) or not may_point_at(targets, kind):
            return False
        if len(allowed) < 256:
            allowed.add(kind)
        return True

    return test


def _number_test(is_kind: Test, kind: Kind) -> Test:
    low = -math.inf if kind.low is None else kind.low
    high = math.inf if kind.high is None else kind.high
    return lambda value: is_kind(value) and low <= value <= high


def _boolean(value: Any) -> bool:
    return type(value) is bool


def _hashes(value: Any) -> bool:
    if type(value) is not dict or not value:
        return False
    for name, digest in value.items():
        if not _is_dictionary_key(name) or len(name) < 3 or not is_text(digest) or not grammar.is_hash(name, digest):
            return False
    return True


def _dictionary_of(member: Test) -> Test:
    def test(value: Any) -> bool:
        return _dictionary(value) and all(map(member, value.values()))

    return test


def _dictionary(value: Any) -> bool:
    return type(value) is dict and len(value) > 0 and _plain(value, 0)


def _extensions(value: Any) -> bool:
    if type(value) is not dict or not value:
        return False
    for name, body in value.items():
        if type(body) is not dict or not body:
            return False
        if name in EXTENSIONS:
            if not _extension_checker(name)(body):
                return False
        elif not _is_extension_id(name) or body["extension_type"] not in _EXTENSION_TYPES or not _foreign(body):
            return False
    return True


_foreign_layouts: dict[tuple[str, ...], tuple[Test, ...]] = {}


def _foreign(body: dict[str, Any]) -> bool:
    """The facts of an extension-definition: any JSON under sound names."""
    names = tuple(body)
    tests = _foreign_layouts.get(names)
    if tests is not None:
        try:
            if all(map(call, tests, body.values())):
                return True
        except TypeError:  # a fact that was text is something else here
            pass
    for key, item in body.items():
        if (key not in _names and not _is_property_name(key)) or not _plain(item, 0):
            return False
    if tests is None and len(_foreign_layouts) < _LAYOUTS_HELD and len(names) <= _WIDEST:
        _foreign_layouts[names] = tuple(str.isascii if type(item) is str else _plain_at_top for item in body.values())
    return True


@lru_cache(maxsize=64)
def _extension_checker(name: str) -> Test:
    return _structure_checker(EXTENSIONS[name])


@lru_cache(maxsize=1_024)
def _is_extension_id(name: str) -> bool:
    return name.startswith("extension-definition--") and grammar.is_identifier(name)


def _plain(value: Any, depth: int) -> bool:
    """Any JSON without null, without empty lists at its top, with sound keys and texts."""
    kind = type(value)
    if kind is str:
        return value.isascii() or is_text(value)
    if kind is bool:
        return True
    if kind is int:
        return is_integer(value)
    if kind is float:
        return math.isfinite(value)
    if depth > _DEEPEST:
        return False
    if kind is dict:
        if not value.keys() <= _keys and not all(map(_is_dictionary_key, value)):
            return False
        children = value.values()
    elif kind is list:
        if not value:
            return depth > 0
        children = value
    else:
        return False
    for child in children:
        if not (child.__class__ is str and child.isascii()) and not _plain(child, depth + 1):
            return False
    return True


# -- rules between properties ------------------------------------------------------------------------------------

_GENERAL: Final = frozenset({*COMMON, "defanged"})


def _rules(entry: Entry) -> tuple[list[Test], list[tuple[str, Test]]]:
    """The rules that always apply, and those that concern only objects with a certain property."""
    always, guarded = [], []
    for rule in entry.rules:
        test = _rule(rule, entry)
        if test is None:
            continue
        concerns = rule.given[0] if rule.name in ("not before", "after", "requires") else _CONCERNS.get(rule.name)
        if concerns is None:
            always.append(test)
        else:
            guarded.append((concerns, test))
    return always, guarded


_CONCERNS: Final = {
    "hash-name": "hashes",
    "active-end": "end",
    "stix-pattern": "pattern",
    "cve-reference": "external_references",
    "capec-reference": "external_references",
    "observed-observable": "object_refs",
    "extension-place": "extensions",
    "new-object": "extensions",
    "registry-hive": "key",
    "encoded-word": "subject",
}


def _rule(rule: Rule, entry: Entry) -> Test | None:
    """The test of one rule; ``None`` where it cannot be broken by what the loop accepts."""
    if rule.name in ("not before", "after"):
        return _in_order(rule.given[0], rule.then[0], strictly=rule.name == "after")
    if rule.name == "uuid-version":
        return _observable_id(entry)
    if rule.name == "versioned-observable":
        return None  # the properties it concerns are left to the explainer
    special = SPECIAL.get(rule.name)
    if special is not None:
        return lambda obj: next(special(obj), None) is None
    return _COUNTED[rule.name](rule, entry)


def _in_order(later: str, earlier: str, *, strictly: bool) -> Test:
    def test(obj: Any) -> bool:
        end, begin = obj[later], obj.get(earlier)
        if begin is None or (end == begin and not strictly):
            return True
        if len(end) == len(begin) == 24:
            return end > begin or (end == begin and not strictly)
        end, begin = instant(end), instant(begin)
        return end > begin or (end == begin and not strictly)

    return test


def _observable_id(entry: Entry) -> Test | None:
    if any(entry.properties[name].required for name in entry.identity):
        return None
    special = SPECIAL["uuid-version"]
    return lambda obj: next(special(obj), None) is None


def _at_least_one(rule: Rule, entry: Entry) -> Test:
    names = rule.given or tuple(name for name in entry.properties if name not in _GENERAL)
    wanted = frozenset(names)
    return lambda obj: not wanted.isdisjoint(obj)


def _exactly_one(rule: Rule, _entry: Entry) -> Test:
    return lambda obj: sum(name in obj for name in rule.given) == 1


def _requires(rule: Rule, _entry: Entry) -> Test:
    return lambda obj: rule.given[0] not in obj or all(name in obj for name in rule.then)


_COUNTED: Final[Mapping[str, Callable[[Rule, Entry], Test]]] = {
    "at least one": _at_least_one,
    "exactly one": _exactly_one,
    "requires": _requires,
}
