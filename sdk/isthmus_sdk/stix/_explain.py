"""The whole story about one object: every MUST and every SHOULD it breaks, with paths.

It walks the object beside the table. The compiled checkers only say yes quickly; whatever they do not accept comes
here, and what is said here is final.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from isthmus_sdk.stix import _grammar as grammar
from isthmus_sdk.stix._advice import advice
from isthmus_sdk.stix._container import Container
from isthmus_sdk.stix._leaves import DEFANGED, TEXTS, is_integer, is_number, is_text
from isthmus_sdk.stix._rulebook import RULES
from isthmus_sdk.stix._rules import SPECIAL, selectors
from isthmus_sdk.stix._table import BUNDLE, EXTENSIONS, PARTS, TYPES, Entry
from isthmus_sdk.stix._table.notation import COMMON, RESERVED, VERSIONED, VERSIONING, Kind, Property, Rule, special
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES
from isthmus_sdk.stix._time import instant, is_timestamp

_OPTIONAL = {name: Property(prop.kind) for name, prop in (COMMON | VERSIONED).items()}
_EXTENSION_TYPES = VOCABULARIES["extension-type-enum"]
_DEEPEST = 200
_LONGEST_PATH = 300
_SECRET = re.compile("credential|passw|secret|token|decryption_key|api_?key|private_key|authorization", re.IGNORECASE)
"""Names of properties whose values no message shows."""
_FIRST = frozenset(("type", "id", "spec_version"))
"""Properties of an object that are looked at before all others."""


def custom_entry(type: str) -> Entry:
    """What holds for a type that the standard does not know: the common properties, none required."""
    return Entry(type, "11.2", "CUSTOM", _OPTIONAL, (*VERSIONING, special("new-object")))


class Problem(NamedTuple):
    """One broken rule: in which object, where in it, which rule (`RULES` explains it), and what is expected."""

    id: str
    path: str
    rule: str
    message: str
    section: str = ""
    """Of STIX 2.1; empty where the rule is our own."""


def stated(id: str, path: str, rule: str, message: str, section: str = "") -> Problem:
    """A broken rule of the rulebook; its message ends with the section, the rule's own unless another is given."""
    section = section or RULES[rule].section
    return Problem(id, path, rule, f"{message} (section {section})" if section else message, section)


def explain(obj: Any) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of one object, in the order of its text. Of a bundle: of all it holds."""
    if not isinstance(obj, Mapping):
        return [Problem("", "", "object", f"expected an object, found {type(obj).__name__}")], []
    walk = _Walk(obj)
    walk.object(obj)
    return walk.errors, walk.warnings


class _Walk:
    def __init__(self, obj: Mapping[str, Any]) -> None:
        found = obj.get("id")
        self._id = found[:300] if isinstance(found, str) and found.isascii() else ""
        self._defanged = obj.get("defanged") is True
        self._container: Container | None = None
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, path: str, rule: str, message: str, section: str = "") -> None:
        self.errors.append(self._problem(path, rule, message, section))

    def warn(self, path: str, rule: str, message: str, section: str = "") -> None:
        self.warnings.append(self._problem(path, rule, message, section))

    def _problem(self, path: str, rule: str, message: str, section: str) -> Problem:
        return stated(self._id, path[:_LONGEST_PATH], rule, message, section)

    def object(self, obj: Mapping[str, Any]) -> None:
        kind = obj.get("type")
        if not isinstance(kind, str) or not grammar.is_type_name(kind):
            what = f"{str(kind)[:60]!r} is not a type" if "type" in obj else "missing"
            self.error("type", "type", f"{what}: expected a-z, 0-9 and single hyphens, 3 to 250 characters")
        elif kind == "bundle":
            self._bundle(obj)
        else:
            entry = TYPES.get(kind) or custom_entry(kind)
            self._identifier(obj, kind)
            self._spec_version(obj, required=entry.family not in ("SCO", "CUSTOM"))
            self.properties("", obj, entry)
            for path, message in selectors(obj):
                self.error(path, "selector-target", message)
            if entry.family == "CUSTOM":
                self.warn("type", "custom-type", f"{kind!r} is not a type of STIX 2.1: kept as it is")
            elif not self.errors:
                for path, rule, message in advice(obj, entry):
                    self.warn(path, rule, message)

    def _bundle(self, obj: Mapping[str, Any]) -> None:
        """Section 8: an envelope; what it holds is checked like any object, with its place in the bundle."""
        self._identifier(obj, "bundle")
        self.properties("", obj, BUNDLE)
        objects = obj.get("objects")
        if "objects" not in obj:
            return
        if not isinstance(objects, list):
            self.error("objects", "list", f"expected a list, found {_shown(objects)}", BUNDLE.section)
        elif not objects:
            self.error("objects", "empty-list", "a list must not be empty: leave the property out")
        for at, each in enumerate(objects if isinstance(objects, list) else ()):
            if not isinstance(each, Mapping) or each.get("type") == "bundle":
                self.error(f"objects[{at}]", "bundle-object", "expected a STIX object")
                continue
            for problems, found in zip((self.errors, self.warnings), explain(each), strict=True):
                problems += [one._replace(path=f"objects[{at}].{one.path}".rstrip(".")) for one in found]

    def _identifier(self, obj: Mapping[str, Any], kind: str) -> None:
        id = obj.get("id")
        if "id" not in obj:
            self.error("id", "required", "missing, and required", "3.2")
        elif not isinstance(id, str) or not grammar.is_identifier(id):
            self.error("id", "identifier", f"{str(id)[:80]!r} is not an identifier: expected {kind}--UUID")
        elif grammar.type_of_identifier(id) != kind:
            self.error("id", "identifier-type", f"starts with {grammar.type_of_identifier(id)!r}, the type is {kind!r}")

    def _spec_version(self, obj: Mapping[str, Any], *, required: bool) -> None:
        version = obj.get("spec_version")
        if version is None and "spec_version" not in obj:
            if required:
                self.error("spec_version", "spec-version", "missing: STIX 2.0, or not STIX; expected '2.1'")
        elif version != "2.1":
            self.error("spec_version", "spec-version", f"{_shown(version)} is not '2.1'")

    def properties(self, path: str, obj: Mapping[str, Any], entry: Entry) -> None:
        """Every property of one object or structure, what is missing, and the rules between them."""
        whole = not path or entry.family == "SCO"  # observables inside a container have a path, too
        before = len(self.errors)
        for name, value in obj.items():
            known = entry.properties.get(name)
            where = f"{path}.{name}" if path else str(name)
            if known is not None:
                if not (whole and name in _FIRST):
                    self.value(where, value, known.kind, entry.section)
            elif name in entry.forbidden:
                self.error(where, "not-applicable", f"not allowed on {entry.name}", entry.section)
            else:
                self._unknown(where, name, value, entry)
        for name, prop in entry.properties.items():
            if prop.required and name not in obj and not (whole and name in _FIRST):
                self.error(f"{path}.{name}" if path else name, "required", "missing, and required", entry.section)
        if len(self.errors) == before:
            for each in entry.rules:
                self._rule(path, obj, each, entry)

    def _unknown(self, where: str, name: Any, value: Any, entry: Entry) -> None:
        if not isinstance(name, str) or not grammar.is_property_name(name):
            self.error(where, "property-name", "expected a-z, 0-9 and _, 3 to 250 characters, a letter first")
        elif name in RESERVED and entry.family not in ("PART", "EXTENSION"):
            self.error(where, "reserved-name", "is reserved for later versions of the standard")
        elif entry.family == "SCO" and name in VERSIONED:
            self.value(where, value, VERSIONED[name].kind, "3.2")
            self.warn(where, "observable-property", "not a property of cyber observables: kept as it is")
        else:
            self.plain(where, value)
            if entry.family != "CUSTOM":
                self.warn(where, "custom-property", f"not a property of {entry.name}: kept as it is")

    def _rule(self, path: str, obj: Mapping[str, Any], rule: Rule, entry: Entry) -> None:
        check = SPECIAL.get(rule.name)
        if check is None:
            message = _BETWEEN[rule.name](obj, rule, entry)
            if message:
                where = f"{path}.{rule.given[0]}" if path and rule.given else path or (rule.given or ("",))[0]
                self.error(where, _RULE_BETWEEN[rule.name], message, entry.section)
        elif self._container is None or rule.name not in _OF_TOP_LEVEL:
            for where, message in check(obj):
                self.error(f"{path}.{where}" if path and where else path or where, rule.name, message)

    # -- values ---------------------------------------------------------------------------------------------

    def value(self, path: str, value: Any, kind: Kind, section: str) -> None:
        """One value against its kind."""
        if value is None:
            self.error(path, "null", "null is not allowed: leave the property out")
            return
        check = getattr(self, f"_{kind.name.replace(' ', '_')}", None)
        if check is not None:
            check(path, value, kind, section)
            return
        leaf = TEXTS[kind.name]
        if not is_text(value):
            self.error(path, "string", f"expected {leaf.expected}, found {_shown(value, path)}")
        elif leaf.test(value) or (self._defanged and kind.name in DEFANGED):
            return
        elif kind.name == "milliseconds" and is_timestamp(value):
            self.error(path, "timestamp-precision", f"{_shown(value, path)} is not {leaf.expected}")
        elif not (self._container and kind.name == "hex" and grammar.is_hex_constant(value)):
            self.error(path, leaf.rule, f"{_shown(value, path)} is not {leaf.expected}", leaf.section or section)

    def _boolean(self, path: str, value: Any, _kind: Kind, _section: str) -> None:
        if type(value) is not bool:
            self.error(path, "boolean", f"expected true or false, found {_shown(value, path)}")

    def _integer(self, path: str, value: Any, kind: Kind, section: str) -> None:
        if not is_integer(value):
            self.error(path, "integer", f"expected a whole number of at most 54 bits, found {_shown(value, path)}")
        else:
            self._range(path, value, kind, section)

    def _float(self, path: str, value: Any, kind: Kind, section: str) -> None:
        if not is_number(value):
            self.error(path, "float", f"expected a number, found {_shown(value, path)}")
        else:
            self._range(path, value, kind, section)

    def _range(self, path: str, value: float, kind: Kind, section: str) -> None:
        if kind.low is not None and value < kind.low:
            self.error(path, "range", f"{value} is below {kind.low:.12g}", section)
        if kind.high is not None and value > kind.high:
            self.error(path, "range", f"{value} is above {kind.high:.12g}", section)

    def _integer_or_text(self, path: str, value: Any, _kind: Kind, section: str) -> None:
        if not is_integer(value) and not is_text(value):
            self.error(
                path, "dictionary-value", f"expected an integer or a string, found {_shown(value, path)}", section
            )

    def _list(self, path: str, value: Any, kind: Kind, section: str) -> None:
        assert kind.of is not None
        if not isinstance(value, list):
            self.error(path, "list", f"expected a list, found {_shown(value, path)}")
        elif not value:
            self.error(path, "empty-list", "a list must not be empty: leave the property out")
        else:
            for at, item in enumerate(value):
                self.value(f"{path}[{at}]", item, kind.of, section)

    def _enum(self, path: str, value: Any, kind: Kind, section: str) -> None:
        if not isinstance(value, str) or value not in VOCABULARIES[kind.choices]:
            self.error(path, "enum", f"{_shown(value, path)} is not in {kind.choices}", section)

    def _vocabulary(self, path: str, value: Any, kind: Kind, _section: str) -> None:
        if not is_text(value):
            self.error(path, "string", f"expected a string, found {_shown(value, path)}")
        elif value not in VOCABULARIES[kind.choices]:
            self.warn(path, "vocabulary", f"{value[:60]!r} is not in {kind.choices}")

    def _ref(self, path: str, value: Any, kind: Kind, section: str) -> None:
        if self._container is not None:
            self._local_ref(path, value, kind, self._container)
        elif not isinstance(value, str) or not grammar.is_identifier(value):
            self.error(path, "reference", f"expected an identifier, found {_shown(value, path)}")
        elif not may_point_at(kind.targets, grammar.type_of_identifier(value)):
            found = grammar.type_of_identifier(value)
            self.error(path, "reference-target", f"must not point at {found!r}: {_targets(kind.targets)}", section)

    def _local_ref(self, path: str, value: Any, kind: Kind, container: Container) -> None:
        """Section 2.13: references inside a container stay inside it, except those to markings."""
        if kind.targets == ("marking-definition",):
            if not isinstance(value, str) or not grammar.is_identifier(value):
                self.error(path, "reference", f"expected an identifier, found {_shown(value, path)}")
        elif not isinstance(value, str) or value not in container:
            self.error(path, "container-reference", f"{_shown(value, path)} is no key of the same container")
        elif not may_point_at(kind.targets, container[value]):
            self.error(path, "container-reference", f"points at {container[value]!r}: {_targets(kind.targets)}")

    def _part(self, path: str, value: Any, kind: Kind, section: str) -> None:
        if not isinstance(value, Mapping):
            self.error(path, "structure", f"expected a structure, found {_shown(value, path)}", section)
        else:
            self.properties(path, value, PARTS[kind.part])

    def _dictionary(self, path: str, value: Any, kind: Kind, section: str) -> None:
        if not isinstance(value, Mapping):
            self.error(path, "dictionary", f"expected a dictionary, found {_shown(value, path)}")
            return
        if not value:
            self.error(path, "empty-dictionary", "a dictionary must not be empty: leave the property out")
            return
        before = len(self.errors)
        self.plain(path, value)
        if kind.of is None or self._container is not None or len(self.errors) > before:
            return
        for key, item in value.items():
            self.value(f"{path}.{key}", item, kind.of, section)
        for at in range(before, len(self.errors)):
            found = self.errors[at]
            expected = found.message.rpartition(" (section ")[0]
            self.errors[at] = self._problem(found.path, "dictionary-value", expected, section)

    def _hashes(self, path: str, value: Any, _kind: Kind, _section: str) -> None:
        if not isinstance(value, Mapping):
            self.error(path, "hashes", f"expected hashes by algorithm, found {_shown(value, path)}")
            return
        if not value:
            self.error(path, "empty-dictionary", "a dictionary must not be empty: leave the property out")
        for name, digest in value.items():
            where = f"{path}.{name}"
            if not isinstance(name, str) or not grammar.is_dictionary_key(name) or len(name) < 3:
                self.error(where, "hash-key", "not a name of a hash algorithm")
            elif not is_text(digest):
                self.error(where, "string", f"expected a string, found {_shown(digest, where)}")
            elif not grammar.is_hash(name, digest):
                self.error(where, "hash-value", f"{_shown(digest, where)} is not a {name} hash")
            elif name not in VOCABULARIES["hash-algorithm-ov"]:
                self.warn(where, "vocabulary", f"{name[:60]!r} is not in hash-algorithm-ov")

    def _extensions(self, path: str, value: Any, _kind: Kind, _section: str) -> None:
        if not isinstance(value, Mapping):
            self.error(path, "extensions", f"expected extensions by name, found {_shown(value, path)}")
            return
        if not value:
            self.error(path, "empty-dictionary", "a dictionary must not be empty: leave the property out")
        for name, body in value.items():
            where = f"{path}.{name}"
            if not isinstance(body, Mapping) or not body:
                self.error(
                    where, "extension-content", f"expected a structure with content, found {_shown(body, where)}"
                )
            elif name in EXTENSIONS:
                self.properties(where, body, EXTENSIONS[name])
            else:
                self._foreign_extension(where, name, body)

    def _foreign_extension(self, where: str, name: Any, body: Mapping[str, Any]) -> None:
        if isinstance(name, str) and name.startswith("extension-definition--"):
            if not grammar.is_identifier(name):
                self.error(where, "extension-name", "not the id of an extension-definition")
            elif not is_text(kind := body.get("extension_type")) or kind not in _EXTENSION_TYPES:
                why = "missing, and required" if kind is None else f"{_shown(kind)} is not in extension-type-enum"
                self.error(f"{where}.extension_type", "extension-type", why)
        elif not isinstance(name, str) or not grammar.is_type_name(name) or not name.endswith("-ext"):
            expected = "the id of an extension-definition, or a custom name that ends with -ext"
            self.error(where, "extension-name", f"expected {expected}")
        else:
            self.warn(where, "custom-extension", "neither predefined nor an extension-definition: kept as it is")
        for key, item in body.items():
            inner = f"{where}.{key}"
            if not isinstance(key, str) or not grammar.is_property_name(key):
                self.error(inner, "property-name", "expected a-z, 0-9 and _, 3 to 250 characters, a letter first")
            self.plain(inner, item)

    def _observable_objects(self, path: str, value: Any, _kind: Kind, _section: str) -> None:
        """The deprecated ``objects`` of observed-data: observables by local key."""
        if not isinstance(value, Mapping):
            self.error(path, "dictionary", f"expected observables by key, found {_shown(value, path)}")
            return
        if not value:
            self.error(path, "empty-dictionary", "a dictionary must not be empty: leave the property out")
        self._container = Container(value)
        for key, item in value.items():
            where = f"{path}.{key}"
            kind = item.get("type") if isinstance(item, Mapping) else None
            if not isinstance(key, str) or not key or not is_text(key):
                self.error(where, "container-key", "not a key of an observable")
            elif not isinstance(kind, str):
                self.error(where, "container-object", "expected an observable with a type")
            elif kind in TYPES and TYPES[kind].family == "SCO":
                self.properties(where, item, TYPES[kind])
            elif kind in TYPES or not grammar.is_type_name(kind):
                self.error(where, "container-object", f"{_shown(kind)} is not a type of observables")
            else:
                self.plain(where, item)
        self._container = None
        self.warn(path, "deprecated", "objects is deprecated: use object_refs", "4.14")

    def _bundled_objects(self, path: str, value: Any, kind: Kind, section: str) -> None:
        """`_bundle` looks at them."""

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
                        self.error(f"{where}.{key}", "dictionary-key", "expected a-z, A-Z, 0-9, - and _, at most 250")
                    stack.append((f"{where}.{key}"[:_LONGEST_PATH], child, depth + 1))
            elif isinstance(item, list):
                if not item and depth:
                    self.warn(where, "nested-empty-list", "a list should not be empty, even inside a custom value")
                elif not item:
                    self.error(where, "empty-list", "a list must not be empty: leave the property out")
                stack.extend((f"{where}[{at}]", child, depth + 1) for at, child in enumerate(item))
            elif item is None:
                self.error(where, "null", "null is not allowed: leave the property out")
            elif not (type(item) is bool or is_text(item) or is_number(item)):
                self.error(where, "value", f"{_shown(item, where)} cannot be told in JSON without loss")


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


def _shown(value: Any, path: str = "") -> str:
    """What a message may tell of a value: little, and nothing of what looks like a secret."""
    if isinstance(value, str):
        secret = _SECRET.search(path) or ("://" in value and "@" in value)
        return f"a string of {len(value)} characters" if secret else ascii(value[:60])
    if isinstance(value, (bool, int, float)) or value is None:
        return "a number" if _SECRET.search(path) else repr(value)[:60]
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
    if _present(obj, names):
        return ""
    return "needs " + (f"one of {', '.join(rule.given)}" if rule.given else "at least one property")


def _exactly_one(obj: Mapping[str, Any], rule: Rule, _entry: Entry) -> str:
    found = _present(obj, rule.given)
    if len(found) == 1:
        return ""
    return f"needs exactly one of {', '.join(rule.given)}, has {' and '.join(found) or 'none'}"


def _requires(obj: Mapping[str, Any], rule: Rule, _entry: Entry) -> str:
    missing = [name for name in rule.then if name not in obj]
    return f"needs {' and '.join(missing)} beside it" if rule.given[0] in obj and missing else ""


_GENERAL = frozenset({*COMMON, "defanged"})
_BETWEEN: dict[str, Callable[[Mapping[str, Any], Rule, Entry], str]] = {
    "not before": lambda obj, rule, entry: _ordered(obj, rule, strictly=False),
    "after": lambda obj, rule, entry: _ordered(obj, rule, strictly=True),
    "at least one": _at_least_one,
    "exactly one": _exactly_one,
    "requires": _requires,
}
_RULE_BETWEEN = {
    "not before": "time-order",
    "after": "time-order",
    "at least one": "at-least-one",
    "exactly one": "exactly-one",
    "requires": "requires",
}
_OF_TOP_LEVEL = frozenset(("uuid-version", "versioned-observable"))
"""Rules about identifiers, which observables inside a container do not have."""
