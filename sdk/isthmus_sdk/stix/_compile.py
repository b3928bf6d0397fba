"""Checkers that say yes quickly, one per type, compiled from the table on first use.

A checker accepts only what is certainly valid. It need not recognise everything valid: whatever it does not accept goes
to the explainer, whose word is final. So it may be short, and a test holds it against the explainer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from isthmus_sdk.stix import _grammar as grammar
from isthmus_sdk.stix._explain import custom_entry, may_point_at
from isthmus_sdk.stix._ids import minted
from isthmus_sdk.stix._leaves import TEXTS, is_integer, is_number, is_text
from isthmus_sdk.stix._rules import SPECIAL
from isthmus_sdk.stix._table import EXTENSIONS, PARTS, TYPES, Entry
from isthmus_sdk.stix._table.notation import COMMON, VERSIONED, Kind, Rule
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES
from isthmus_sdk.stix._time import instant, is_timestamp

Test = Callable[[Any], bool]

_PURE: Final = frozenset({"milliseconds", "hex", "type name", "mac", "ipv4", "charset", "binary"})
"""Kinds whose test is one ASCII expression: quicker than a cache, and no foreign value passes it."""

_DEEPEST = 60
_CACHED = 8_192
_TYPES_HELD = 512
"""Custom types beyond these are left to the explainer: foreign data decides how many there are."""
_EXTENSION_TYPES = VOCABULARIES["extension-type-enum"]
_names: set[str] = set()
"""Property names that were found sound."""
_is_identifier = lru_cache(maxsize=_CACHED)(grammar.is_identifier)
_is_dictionary_key = lru_cache(maxsize=_CACHED)(grammar.is_dictionary_key)


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
        if not grammar.is_type_name(kind) or len(_checkers) >= _TYPES_HELD:
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


def _never(_value: Any) -> bool:
    return False


_checkers: dict[str, Test] = {}


# The two loops below are the hot path of every connector. They are written out twice, and the test for text stands in line,
# because a call costs more than the test; plain loops, because a generator costs more than both.


def _object_checker(entry: Entry) -> Test:  # noqa: C901 - written out, see above
    tests = {name: _test(prop.kind) for name, prop in entry.properties.items()}
    if entry.family == "SCO":  # the explainer has more to say about these, but looks at their values alike
        tests |= {name: _test(prop.kind) for name, prop in VERSIONED.items()}
    tests["type"] = tests["id"] = _passed
    tests["spec_version"] = frozenset({"2.1"}).__contains__
    tests["granular_markings"] = _never  # selectors are the explainer's
    find = tests.get
    required = tuple(name for name, prop in entry.properties.items() if prop.required)
    if entry.family not in ("SCO", "CUSTOM"):
        required += ("spec_version",)
    rules = tuple(rule for each in entry.rules if (rule := _rule(each, entry)))
    start = f"{entry.name}--"
    length = len(start) + 36

    def checker(obj: Any) -> bool:  # noqa: C901
        if type(obj) is not dict:
            return False
        id = obj["id"]
        if id not in minted and not (len(id) == length and grammar.is_identifier(id)):
            return False
        if id[:-36] != start:
            return False
        for name in required:
            if name not in obj:
                return False
        for name, value in obj.items():
            test = find(name)
            if test is is_text:
                if type(value) is not str or not (value.isascii() or is_text(value)):
                    return False
            elif test is _passed:
                continue
            elif test is None:
                if (name not in _names and not _is_property_name(name)) or not _plain(value, 0):
                    return False
            elif not test(value):
                return False
        for rule in rules:  # noqa: SIM110
            if not rule(obj):
                return False
        return True

    return checker


def _structure_checker(entry: Entry) -> Test:
    """As `_object_checker`, for structures without id."""
    tests = {name: _test(prop.kind) for name, prop in entry.properties.items()}
    find = tests.get
    required = tuple(name for name, prop in entry.properties.items() if prop.required)
    rules = tuple(rule for each in entry.rules if (rule := _rule(each, entry)))

    def checker(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name in required:
            if name not in value:
                return False
        for name, item in value.items():
            test = find(name)
            if test is is_text:
                if type(item) is not str or not (item.isascii() or is_text(item)):
                    return False
            elif test is None:
                if (name not in _names and not _is_property_name(name)) or not _plain(item, 0):
                    return False
            elif not test(item):
                return False
        for rule in rules:  # noqa: SIM110
            if not rule(value):
                return False
        return True

    return checker


def _passed(_value: Any) -> bool:
    """Marks properties that were checked before the loop."""
    return True


@lru_cache(maxsize=512)
def _test(kind: Kind) -> Test:
    """The test of one kind; the same kind gives the same function."""
    name = kind.name
    if name == "text":
        return is_text
    if name == "timestamp":
        return is_timestamp
    if name in TEXTS:
        test = TEXTS[name].test
        return test if name in _PURE else lru_cache(maxsize=_CACHED)(_guarded(test))
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
    if name in ("integer", "float"):
        return _number_test(is_integer if name == "integer" else is_number, kind)
    return {
        "boolean": _boolean, "hashes": _hashes, "dictionary": _dictionary, "extensions": _extensions,
    }.get(name, _never)  # fmt: skip


def _guarded(test: Callable[[str], bool]) -> Test:
    """Text tests are cached; they must not see anything but sound text, which the cache could mistake (1 == True)."""
    return lambda value: is_text(value) and test(value)


def _list_test(member: Test) -> Test:
    def test(value: Any) -> bool:
        return type(value) is list and len(value) > 0 and all(map(member, value))

    return test


def _ref_test(targets: tuple[str, ...]) -> Test:
    allowed: dict[str, bool] = {}

    def test(value: Any) -> bool:
        if value not in minted and not (type(value) is str and _is_identifier(value)):
            return False
        kind = value[:-38]
        known = allowed.get(kind)
        if known is None:
            known = may_point_at(targets, kind)
            if len(allowed) < 256:
                allowed[kind] = known
        return known

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
        elif not _is_extension_id(name) or body["extension_type"] not in _EXTENSION_TYPES:
            return False
        else:
            for key, item in body.items():
                if key not in _names and not _is_property_name(key):
                    return False
                if type(item) is str:
                    if not (item.isascii() or is_text(item)):
                        return False
                elif not _plain(item, 0):
                    return False
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
        for key, child in value.items():
            if key not in _names and not _is_dictionary_key(key):
                return False
            if not (child.__class__ is str and child.isascii()) and not _plain(child, depth + 1):
                return False
        return True
    if kind is list:
        if not value and not depth:
            return False
        for child in value:
            if not (child.__class__ is str and child.isascii()) and not _plain(child, depth + 1):
                return False
        return True
    return False


# -- rules between properties ------------------------------------------------------------------------------------

_GENERAL: Final = frozenset({*COMMON, "defanged"})


def _rule(rule: Rule, entry: Entry) -> Test | None:
    """The test of one rule; ``None`` where it cannot be broken by what the loop accepts."""
    if rule.name in ("not before", "after"):
        return _in_order(rule.given[0], rule.then[0], strictly=rule.name == "after")
    if rule.name == "observable id":
        return _observable_id(entry)
    if rule.name == "listed relationship":
        return None
    special = SPECIAL.get(rule.name)
    if special is not None:
        concerns = _CONCERNS.get(rule.name)
        if concerns is None:
            return lambda obj: next(special(obj), None) is None
        return lambda obj: not concerns(obj) or next(special(obj), None) is None
    return _COUNTED[rule.name](rule, entry)


def _in_order(later: str, earlier: str, *, strictly: bool) -> Test:
    def test(obj: Any) -> bool:
        end, begin = obj.get(later), obj.get(earlier)
        if end is None or begin is None:
            return True
        if len(end) == len(begin) == 24:
            return end > begin or (end == begin and not strictly)
        end, begin = instant(end), instant(begin)
        return end > begin or (end == begin and not strictly)

    return test


def _observable_id(entry: Entry) -> Test | None:
    if any(entry.properties[name].required for name in entry.identity):
        return None
    special = SPECIAL["observable id"]
    return lambda obj: next(special(obj), None) is None


def _at_least_one(rule: Rule, entry: Entry) -> Test:
    names = rule.given or tuple(name for name in entry.properties if name not in _GENERAL)
    if not rule.given and entry.family == "SCO":
        names += ("extensions",)
    wanted = frozenset(names)
    return lambda obj: not wanted.isdisjoint(obj)


def _exactly_one(rule: Rule, _entry: Entry) -> Test:
    return lambda obj: sum(name in obj for name in rule.given) == 1


def _not_together(rule: Rule, _entry: Entry) -> Test:
    return lambda obj: sum(name in obj for name in rule.given) <= 1


def _requires(rule: Rule, _entry: Entry) -> Test:
    return lambda obj: rule.given[0] not in obj or all(name in obj for name in rule.then)


_CONCERNS: Final[Mapping[str, Test]] = {
    "reference hashes": lambda obj: "hashes" in obj,
    "cve reference": lambda obj: obj.get("source_name") == "cve",
    "active has no end": lambda obj: "end" in obj,
}
"""Which objects a rule concerns at all: asking is quicker than applying it."""

_COUNTED: Final[Mapping[str, Callable[[Rule, Entry], Test]]] = {
    "at least one": _at_least_one,
    "exactly one": _exactly_one,
    "not together": _not_together,
    "requires": _requires,
}
