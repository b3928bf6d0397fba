"""The whole story about one object: every MUST and every SHOULD it breaks, with paths.

It walks the object beside the table. The compiled checkers only say yes quickly; whatever they do not accept comes
here, and what is said here is final.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from isthmus_sdk.stix import _grammar as grammar
from isthmus_sdk.stix._advice import advice
from isthmus_sdk.stix._leaves import DEFANGED, TEXTS, is_integer, is_number, is_text
from isthmus_sdk.stix._rules import SPECIAL, selectors
from isthmus_sdk.stix._table import EXTENSIONS, PARTS, TYPES, Entry
from isthmus_sdk.stix._table.notation import COMMON, VERSIONED, VERSIONING, Kind, Property, Rule
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES
from isthmus_sdk.stix._time import instant, is_timestamp

_OPTIONAL = {name: Property(prop.kind) for name, prop in (COMMON | VERSIONED).items()}
_EXTENSION_TYPES = VOCABULARIES["extension-type-enum"]
_DEEPEST = 200


def custom_entry(type: str) -> Entry:
    """What holds for a type that the standard does not know: the common properties, none required."""
    return Entry(type, "11", "CUSTOM", _OPTIONAL, VERSIONING)


class Problem(NamedTuple):
    """One broken rule: in which object, where in it, which rule, and what is expected."""

    id: str
    path: str
    rule: str
    message: str


def explain(obj: Any) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of one object, in the order of its text."""
    if not isinstance(obj, Mapping):
        return [Problem("", "", "object", f"expected an object, found {type(obj).__name__}")], []
    walk = _Walk(obj)
    walk.object(obj)
    return walk.errors, walk.warnings


class _Walk:
    def __init__(self, obj: Mapping[str, Any]) -> None:
        found = obj.get("id")
        self._id = found if isinstance(found, str) and found.isascii() else ""
        self._defanged = obj.get("defanged") is True
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, path: str, rule: str, message: str) -> None:
        self.errors.append(Problem(self._id, path, rule, message))

    def warn(self, path: str, rule: str, message: str) -> None:
        self.warnings.append(Problem(self._id, path, rule, message))

    def object(self, obj: Mapping[str, Any]) -> None:
        kind = obj.get("type")
        if not isinstance(kind, str) or not grammar.is_type_name(kind):
            self.error("type", "type", f"{str(kind)[:60]!r} is not a type: {TEXTS['type name'].expected}")
            return
        entry = TYPES.get(kind)
        if entry is None:
            self._custom_type(obj)
            return
        self._identifier(obj, kind)
        self._spec_version(obj, required=entry.family != "SCO")
        self.properties("", obj, entry, custom=True)
        for name in entry.forbidden:
            if name in obj:
                self.error(name, f"{kind} ({entry.section})", "not allowed on this type")
        for path, message in selectors(obj):
            self.error(path, "granular-marking (7.2.3)", message)
        if not self.errors:
            for path, rule, message in advice(obj, entry):
                self.warn(path, rule, message)

    def _custom_type(self, obj: Mapping[str, Any]) -> None:
        """Types the standard does not know pass through; what is common to all types still holds."""
        self._identifier(obj, obj["type"])
        self._spec_version(obj, required=False)
        self.properties("", obj, custom_entry(obj["type"]), custom=True)
        for path, message in selectors(obj):
            self.error(path, "granular-marking (7.2.3)", message)
        self.warn("type", "custom-type", f"{obj['type']!r} is not a type of STIX 2.1: kept as it is")

    def _identifier(self, obj: Mapping[str, Any], kind: str) -> None:
        id = obj.get("id")
        if not isinstance(id, str) or not grammar.is_identifier(id):
            self.error("id", "identifier (2.9)", f"{str(id)[:80]!r} is not an identifier: expected {kind}--UUID")
        elif grammar.type_of_identifier(id) != kind:
            self.error(
                "id", "identifier (2.9)", f"starts with {grammar.type_of_identifier(id)!r}, the type is {kind!r}"
            )

    def _spec_version(self, obj: Mapping[str, Any], *, required: bool) -> None:
        version = obj.get("spec_version")
        if version is None and "spec_version" not in obj:
            if required:
                self.error("spec_version", "spec-version (3.2)", "missing: STIX 2.0, or not STIX; expected '2.1'")
        elif version != "2.1":
            self.error("spec_version", "spec-version (3.2)", f"{version!r} is not '2.1'")

    def properties(self, path: str, obj: Mapping[str, Any], entry: Entry, *, custom: bool) -> None:
        """Every property of one object or structure, what is missing, and the rules between them."""
        rule = f"{entry.name} ({entry.section})"
        before = len(self.errors)
        for name, value in obj.items():
            known = entry.properties.get(name)
            where = f"{path}.{name}" if path else str(name)
            if known is not None:
                if not path and name in ("type", "id", "spec_version"):
                    continue
                self.value(where, value, known.kind, rule)
            elif custom and entry.family != "PART" and name in entry.forbidden:
                continue
            else:
                self._unknown(where, name, value, entry)
        for name, prop in entry.properties.items():
            if prop.required and name not in obj and (path or name not in ("type", "id", "spec_version")):
                self.error(f"{path}.{name}" if path else name, rule, "missing, and required")
        if len(self.errors) == before:
            for each in entry.rules:
                self._rule(path, obj, each, entry, rule)

    def _unknown(self, where: str, name: Any, value: Any, entry: Entry) -> None:
        if not isinstance(name, str) or not grammar.is_property_name(name):
            self.error(
                where[:300], "property-name (3.1)", "expected a-z, 0-9 and _, 3 to 250 characters, a letter first"
            )
            return
        if entry.family == "SCO" and name in VERSIONED:
            self.value(where, value, VERSIONED[name].kind, "common properties (3.2)")
            self.warn(where, "not-applicable (3.2)", "not a property of cyber observables: kept as it is")
            return
        self.plain(where, value)
        if entry.family != "CUSTOM":
            self.warn(where, "custom-property", f"not a property of {entry.name}: kept as it is")

    def _rule(self, path: str, obj: Mapping[str, Any], rule: Rule, entry: Entry, label: str) -> None:
        special = SPECIAL.get(rule.name)
        if special is not None:
            for where, message in special(obj):
                self.error(f"{path}.{where}" if path and where else path or where, f"{rule.name}: {label}", message)
            return
        message = _BETWEEN[rule.name](obj, rule, entry)
        if message:
            self.error(
                f"{path}.{rule.given[0]}" if path and rule.given else path or (rule.given or ("",))[0], label, message
            )

    # -- values ---------------------------------------------------------------------------------------------

    def value(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        """One value against its kind."""
        if value is None:
            self.error(path, "null (2)", "null is not allowed: leave the property out")
            return
        check = getattr(self, f"_{kind.name.replace(' ', '_')}", None)
        if check is not None:
            check(path, value, kind, rule)
            return
        leaf = TEXTS[kind.name]
        if not is_text(value):
            self.error(path, rule, f"expected {leaf.expected}, found {_shown(value)}")
        elif not leaf.test(value) and not (self._defanged and kind.name in DEFANGED):
            self.error(path, rule, f"{value[:80]!r} is not {leaf.expected}")

    def _boolean(self, path: str, value: Any, _kind: Kind, rule: str) -> None:
        if type(value) is not bool:
            self.error(path, rule, f"expected true or false, found {_shown(value)}")

    def _integer(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        if not is_integer(value):
            self.error(path, rule, f"expected a whole number of at most 54 bits, found {_shown(value)}")
        else:
            self._range(path, value, kind, rule)

    def _float(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        if not is_number(value):
            self.error(path, rule, f"expected a number, found {_shown(value)}")
        else:
            self._range(path, value, kind, rule)

    def _range(self, path: str, value: float, kind: Kind, rule: str) -> None:
        if kind.low is not None and value < kind.low:
            self.error(path, rule, f"{value} is below {kind.low:g}")
        if kind.high is not None and value > kind.high:
            self.error(path, rule, f"{value} is above {kind.high:g}")

    def _list(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        assert kind.of is not None
        if not isinstance(value, list):
            self.error(path, rule, f"expected a list, found {_shown(value)}")
        elif not value:
            self.error(path, "empty-list (2.12)", "a list must not be empty: leave the property out")
        else:
            for at, item in enumerate(value):
                self.value(f"{path}[{at}]", item, kind.of, rule)

    def _enum(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        if not isinstance(value, str) or value not in VOCABULARIES[kind.choices]:
            self.error(path, rule, f"{_shown(value)} is not in {kind.choices}")

    def _vocabulary(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        if not is_text(value):
            self.error(path, rule, f"expected a string, found {_shown(value)}")
        elif value not in VOCABULARIES[kind.choices]:
            self.warn(path, "vocabulary (10)", f"{value[:60]!r} is not in {kind.choices}")

    def _ref(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        if not isinstance(value, str) or not grammar.is_identifier(value):
            self.error(path, rule, f"expected an identifier, found {_shown(value)}")
        elif not may_point_at(kind.targets, grammar.type_of_identifier(value)):
            self.error(path, rule, f"must not point at {grammar.type_of_identifier(value)!r}: {_targets(kind.targets)}")

    def _part(self, path: str, value: Any, kind: Kind, rule: str) -> None:
        if not isinstance(value, Mapping):
            self.error(path, rule, f"expected a structure, found {_shown(value)}")
        else:
            self.properties(path, value, PARTS[kind.part], custom=True)

    def _dictionary(self, path: str, value: Any, _kind: Kind, rule: str) -> None:
        if not isinstance(value, Mapping):
            self.error(path, rule, f"expected a dictionary, found {_shown(value)}")
        elif not value:
            self.error(path, "empty-dictionary (2.3)", "a dictionary must not be empty: leave the property out")
        else:
            self.plain(path, value)

    def _hashes(self, path: str, value: Any, _kind: Kind, rule: str) -> None:
        if not isinstance(value, Mapping) or not value:
            self.error(path, rule, f"expected hashes by algorithm, found {_shown(value)}")
            return
        for name, digest in value.items():
            where = f"{path}.{name}"
            if not isinstance(name, str) or not grammar.is_dictionary_key(name) or len(name) < 3:
                self.error(where[:300], "hashes (2.7)", "not a name of a hash algorithm")
            elif not is_text(digest):
                self.error(where, "hashes (2.7)", f"expected a string, found {_shown(digest)}")
            elif not grammar.is_hash(name, digest):
                self.error(where, "hashes (2.7)", f"{digest[:40]!r} is not a {name} hash")
            elif name not in VOCABULARIES["hash-algorithm-ov"]:
                self.warn(where, "vocabulary (10)", f"{name!r} is not in hash-algorithm-ov")

    def _extensions(self, path: str, value: Any, _kind: Kind, rule: str) -> None:
        if not isinstance(value, Mapping) or not value:
            self.error(path, rule, f"expected extensions by name, found {_shown(value)}")
            return
        for name, body in value.items():
            where = f"{path}.{name}"
            if not isinstance(body, Mapping) or not body:
                self.error(where[:300], "extensions (3.2)", f"expected a structure with content, found {_shown(body)}")
            elif name in EXTENSIONS:
                self.properties(where, body, EXTENSIONS[name], custom=True)
            else:
                self._foreign_extension(where, name, body)

    def _foreign_extension(self, where: str, name: Any, body: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            self.error(where[:300], "extensions (3.2)", "not the name of an extension")
            return
        if name.startswith("extension-definition--"):
            if not grammar.is_identifier(name):
                self.error(where[:300], "extensions (7.3)", "not the id of an extension-definition")
            elif body.get("extension_type") not in _EXTENSION_TYPES:
                expected = "extension_type is missing or not in extension-type-enum"
                self.error(f"{where}.extension_type", "extensions (7.3)", expected)
        elif not grammar.is_type_name(name):
            self.error(where[:300], "extensions (3.2)", "not the name of an extension")
        else:
            self.warn(where, "custom-extension", "neither predefined nor an extension-definition: kept as it is")
        for key, item in body.items():
            inner = f"{where}.{key}"
            if not isinstance(key, str) or not grammar.is_property_name(key):
                message = "expected a-z, 0-9 and _, 3 to 250 characters, a letter first"
                self.error(inner[:300], "property-name (3.1)", message)
            self.plain(inner, item)

    def _observable_objects(self, path: str, value: Any, _kind: Kind, rule: str) -> None:
        """The deprecated ``objects`` of observed-data: observables by local key."""
        if not isinstance(value, Mapping) or not value:
            self.error(path, rule, f"expected observables by key, found {_shown(value)}")
            return
        for key, item in value.items():
            where = f"{path}.{key}"
            if not isinstance(key, str) or not grammar.is_dictionary_key(key):
                self.error(where[:300], "dictionary (2.3)", "not a dictionary key")
            elif not isinstance(item, Mapping) or not isinstance(item.get("type"), str):
                self.error(where, rule, "expected an observable with a type")
            else:
                self.plain(where, item)
        self.warn(path, "deprecated (4.14)", "objects is deprecated: use object_refs")

    def plain(self, path: str, value: Any) -> None:
        """A value whose shape nobody defines: no null, no empty list, sound keys and texts, at any depth."""
        stack: list[tuple[str, Any, int]] = [(path, value, 0)]
        while stack:
            where, item, depth = stack.pop()
            if depth > _DEEPEST:
                self.error(path, "depth", f"nested more than {_DEEPEST} deep")
                return
            if isinstance(item, Mapping):
                for key, child in item.items():
                    if not isinstance(key, str) or not grammar.is_dictionary_key(key):
                        self.error(f"{where}.{key}"[:300], "dictionary (2.3)", "not a dictionary key")
                    stack.append((f"{where}.{key}", child, depth + 1))
            elif isinstance(item, list):
                if not item and depth:
                    self.warn(where, "empty-list (2.12)", "a list should not be empty, even inside a custom value")
                elif not item:
                    self.error(where, "empty-list (2.12)", "a list must not be empty: leave the property out")
                stack.extend((f"{where}[{at}]", child, depth + 1) for at, child in enumerate(item))
            elif item is None:
                self.error(where, "null (2)", "null is not allowed: leave the property out")
            elif not (type(item) is bool or is_text(item) or is_number(item)):
                self.error(where, "value", f"{_shown(item)} cannot be told in JSON without loss")


def may_point_at(targets: tuple[str, ...], type: str) -> bool:
    """Whether a reference with these targets may point at an object of ``type``. Unknown types may be anything."""
    if targets and targets[0].startswith("!"):
        return f"!{type}" not in targets
    if type in targets:
        return True
    entry = TYPES.get(type)
    if entry is None:
        return any(target in ("SDO", "SCO", "SRO", "META") for target in targets) and type != "bundle"
    return entry.family in targets


def _targets(targets: tuple[str, ...]) -> str:
    if targets[0].startswith("!"):
        return "not allowed here"
    return "expected " + " or ".join(targets)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return ascii(value[:60])
    if isinstance(value, (bool, int, float)) or value is None:
        return str(value)[:60]
    return f"a {type(value).__name__}"


# -- rules between properties ------------------------------------------------------------------------------------


def _present(obj: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in obj]


def _ordered(obj: Mapping[str, Any], rule: Rule, *, strictly: bool) -> str:
    later, earlier = obj.get(rule.given[0]), obj.get(rule.then[0])
    if not (isinstance(later, str) and isinstance(earlier, str) and is_timestamp(later) and is_timestamp(earlier)):
        return ""
    if instant(later) > instant(earlier) or (not strictly and instant(later) == instant(earlier)):
        return ""
    return f"{later} must {'be later than' if strictly else 'not be before'} {rule.then[0]} {earlier}"


def _at_least_one(obj: Mapping[str, Any], rule: Rule, entry: Entry) -> str:
    names = rule.given or tuple(name for name in entry.properties if name not in _GENERAL)
    if _present(obj, names) or (not rule.given and "extensions" in obj and entry.family == "SCO"):
        return ""
    return "needs " + (f"one of {', '.join(rule.given)}" if rule.given else "at least one property")


def _exactly_one(obj: Mapping[str, Any], rule: Rule, _entry: Entry) -> str:
    found = _present(obj, rule.given)
    if len(found) == 1:
        return ""
    return f"needs exactly one of {', '.join(rule.given)}, has {' and '.join(found) or 'none'}"


def _not_together(obj: Mapping[str, Any], rule: Rule, _entry: Entry) -> str:
    found = _present(obj, rule.given)
    return f"{' and '.join(found)} must not be given together" if len(found) > 1 else ""


def _requires(obj: Mapping[str, Any], rule: Rule, _entry: Entry) -> str:
    missing = [name for name in rule.then if name not in obj]
    return f"needs {' and '.join(missing)} beside it" if rule.given[0] in obj and missing else ""


_GENERAL = frozenset({*COMMON, "defanged"})
_BETWEEN: dict[str, Callable[[Mapping[str, Any], Rule, Entry], str]] = {
    "not before": lambda obj, rule, entry: _ordered(obj, rule, strictly=False),
    "after": lambda obj, rule, entry: _ordered(obj, rule, strictly=True),
    "at least one": _at_least_one,
    "exactly one": _exactly_one,
    "not together": _not_together,
    "requires": _requires,
}
