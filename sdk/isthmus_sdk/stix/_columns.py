"""`accepts` for a whole page: objects with the same properties in the same order are a table, checked column by column.

A mapping makes the same kinds of objects for every record, so a page holds few such *layouts*. A column is checked by a
handful of C calls over all its values instead of one Python call for each of them. As in `_compile`, only what is
certainly valid is accepted; a page that is not goes back to the checks of single objects, which find the bad one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import ge, itemgetter
from typing import Any, Final, NamedTuple

from isthmus_sdk.stix import _compile as single
from isthmus_sdk.stix._explain import may_point_at
from isthmus_sdk.stix._identifiers import END_LENGTH, UUID_LENGTH, all_end_in_uuid, is_identifier
from isthmus_sdk.stix._json import SAFE_INTEGER
from isthmus_sdk.stix._leaves import is_text
from isthmus_sdk.stix._table import EXTENSIONS, PARTS, TYPES, Entry
from isthmus_sdk.stix._table.notation import VERSIONED, Kind
from isthmus_sdk.stix._table.vocabularies import VOCABULARIES

Column = Sequence[Any]
ColumnTest = Callable[[Column], bool]
Json = dict[str, Any]

_FEWEST = 4
"""Below this the checks of single objects are quicker."""
_LAYOUTS_HELD = 1_024
_VALUES_HELD = 8_192
_TYPE = itemgetter("type")
_TYPE_OF_REFERENCE = itemgetter(slice(None, -END_LENGTH))
_START_OF_IDENTIFIER = itemgetter(slice(None, -UUID_LENGTH))
_BY_VALUE: Final = frozenset({"timestamp", "milliseconds", "vocabulary", "enum", "type name", "language", "mime"})
"""Kinds of text of which a column holds few different values."""
_EXTENSION_TYPES = VOCABULARIES["extension-type-enum"]
_EXTENSION_TYPE = itemgetter("extension_type")
_DICTS = {dict}


class Plan(NamedTuple):
    """How to check all objects of one layout."""

    columns: tuple[ColumnTest | None, ...]
    orders: tuple[tuple[int, int, Callable[[Any], bool]], ...]
    """Columns of times of which the first is not before the second, and the same rule for one row."""
    rows: tuple[Callable[[Any], bool], ...]
    """Other rules that bind several properties."""


def accepts_all(objects: Sequence[Json]) -> bool:
    """Whether every object is certainly valid, see `_compile.accepts`."""
    try:
        return not objects or all(_is_sound(layout, rows) for layout, rows in _by_layout(objects))
    except _NOT_STIX:
        return False


def doubtful(objects: Sequence[Any]) -> list[Any]:
    """Those objects that are not certainly valid: only they need the explainer. Anything may be among them."""
    found: list[Any] = []
    try:
        tables = list(_by_layout(objects)) if objects else []
    except _NOT_STIX:
        return [obj for obj in objects if not (type(obj) is dict and single.accepts(obj))]
    for layout, rows in tables:
        try:
            if len(rows) >= _FEWEST and _is_sound(layout, rows):
                continue
        except _NOT_STIX:
            pass
        found += [obj for obj in rows if not single.accepts(obj)]
    return found


_NOT_STIX = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What the checks may raise for values that they do not expect."""


def _by_layout(objects: Sequence[Json]) -> Iterator[tuple[tuple[Any, ...], Sequence[Json]]]:
    """Objects of one type with the same properties in the same order; its type is in front of their names."""
    for names, table in _tables(objects).items():
        kinds = set(map(_TYPE, table))
        for kind in kinds:
            yield (kind, *names), table if len(kinds) == 1 else [obj for obj in table if obj["type"] == kind]


def _is_sound(layout: tuple[Any, ...], rows: Sequence[Json]) -> bool:
    plan = _plan_of_object(layout) if len(rows) >= _FEWEST else None
    return all(map(single.accepts, rows)) if plan is None else _follow(plan, rows)


def _follow(plan: Plan, table: Sequence[Json]) -> bool:
    columns = list(zip(*map(dict.values, table), strict=True))
    for test, column in zip(plan.columns, columns, strict=True):
        if test is not None and not test(column):
            return False
    for later, earlier, rule in plan.orders:
        if not _in_order(columns[later], columns[earlier]) and not all(map(rule, table)):
            return False
    return all(all(map(rule, table)) for rule in plan.rows)


def _in_order(later: Column, earlier: Column) -> bool:
    """Whether it can be seen from the text: of timestamps of one length, text order is the order in time."""
    if later == earlier:
        return True
    return set(map(len, later)) == set(map(len, earlier)) == {24} and all(map(ge, later, earlier))


# -- plans -------------------------------------------------------------------------------------------------------

_plans: dict[tuple[Any, ...], Plan | None] = {}


def _plan_of_object(layout: tuple[Any, ...]) -> Plan | None:
    """``None`` where single objects must be looked at."""
    plan = _plans.get(layout)
    if plan is None and layout not in _plans:
        plan = _made_plan(layout[0], layout[1:])
        if len(_plans) < _LAYOUTS_HELD:
            _plans[layout] = plan
    return plan


def _made_plan(kind: str, names: tuple[str, ...]) -> Plan | None:
    entry = TYPES.get(kind)
    if entry is None or entry.family == "META" or "granular_markings" in names:
        return None
    if not single.left_to_the_explainer(entry).isdisjoint(names):
        return None
    kinds = {name: prop.kind for name, prop in entry.properties.items()}
    required = {name for name, prop in entry.properties.items() if prop.required}
    if entry.family == "SCO":
        kinds |= {name: prop.kind for name, prop in VERSIONED.items()}
    else:
        required.add("spec_version")
    own: dict[str, ColumnTest | None] = {"type": None, "id": _own_ids(f"{entry.name}--"), "spec_version": _is_2_1}
    return _lined_up(names, kinds, own, required, entry)


@lru_cache(maxsize=_LAYOUTS_HELD)
def _plan_of_part(name: str, names: tuple[str, ...], extension: bool) -> Plan | None:
    entry = (EXTENSIONS if extension else PARTS)[name]
    kinds = {name: prop.kind for name, prop in entry.properties.items()}
    return _lined_up(names, kinds, {}, {name for name, prop in entry.properties.items() if prop.required}, entry)


def _lined_up(
    names: tuple[str, ...],
    kinds: Mapping[str, Kind],
    own: Mapping[str, ColumnTest | None],
    required: Iterable[str],
    entry: Entry,
) -> Plan | None:
    if not set(required) <= set(names):
        return None
    columns: list[ColumnTest | None] = []
    for name in names:
        if name in own:
            columns.append(own[name])
        elif name in kinds:
            columns.append(_test(kinds[name]))
        elif single._is_property_name(name):
            columns.append(_plain_at_top)
        else:
            return None
    orders, rows = [], []
    for rule in entry.rules:
        test = single._rule(rule, entry)
        if rule.name in single._COUNTED:
            if test is not None and not test(
                dict.fromkeys(names)
            ):  # only the names matter, and they are the same in all
                return None
        elif rule.name in ("not before", "after"):
            later, earlier = rule.given[0], rule.then[0]
            if test is None or later not in names or earlier not in names:
                continue
            if rule.name == "after":
                rows.append(test)
            else:
                orders.append((names.index(later), names.index(earlier), test))
        elif test is not None and single._CONCERNS.get(rule.name, names[0]) in names:
            rows.append(test)
    return Plan(tuple(columns), tuple(orders), tuple(rows))


# -- columns -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _test(kind: Kind) -> ColumnTest:
    name = kind.name
    if name == "text":
        return _texts
    if name == "list":
        assert kind.of is not None
        return _lists(_test(kind.of))
    if name == "ref":
        return _references(kind.targets)
    if name == "part":
        return _structures(kind.part, extension=False)
    if name == "extensions":
        return _extensions
    one = single._test(kind)
    return _by_value(one) if name in _BY_VALUE else lambda column: all(map(one, column))


def _by_value(one: Callable[[Any], bool]) -> ColumnTest:
    known: set[Any] = set()

    def test(column: Column) -> bool:
        values = set(column)
        if values <= known:
            return True
        if not all(map(one, values)):
            return False
        if len(known) > _VALUES_HELD:
            known.clear()
        known.update(values)
        return True

    return test


def _texts(column: Column) -> bool:
    return "".join(column).isascii() or all(map(is_text, column))


def _is_2_1(column: Column) -> bool:
    return set(column) == {"2.1"}


def _own_ids(start: str) -> ColumnTest:
    starts = {start}

    def test(column: Column) -> bool:
        return set(map(_START_OF_IDENTIFIER, column)) == starts and all_end_in_uuid(column)

    return test


def _references(targets: tuple[str, ...]) -> ColumnTest:
    allowed: set[str] = set()

    def test(column: Column) -> bool:
        if not all_end_in_uuid(column):
            return False
        kinds = set(map(_TYPE_OF_REFERENCE, column))
        if kinds <= allowed:
            return True
        if not all(map(is_identifier, column)) or not all(may_point_at(targets, kind) for kind in kinds):
            return False
        if len(allowed) < 256:
            allowed.update(kinds)
        return True

    return test


def _lists(members: ColumnTest) -> ColumnTest:
    def test(column: Column) -> bool:
        return set(map(type, column)) == {list} and all(column) and members(list(chain.from_iterable(column)))

    return test


def _structures(name: str, *, extension: bool) -> ColumnTest:
    def test(column: Column) -> bool:
        for names, table in _tables(column).items():
            plan = _plan_of_part(name, names, extension)
            if plan is None or not _follow(plan, table):
                return False
        return True

    return test


def _tables(column: Column) -> Mapping[tuple[str, ...], Sequence[Json]]:
    """Dictionaries by their layout. Raises ``TypeError`` for anything else."""
    if set(map(type, column)) != _DICTS:
        raise TypeError
    layouts = list(map(tuple, column))
    if layouts.count(layouts[0]) == len(layouts):  # names are mostly the same strings: no hash is needed to see it
        return {layouts[0]: column}
    tables: dict[tuple[str, ...], list[Json]] = {}
    for names, value in zip(layouts, column, strict=True):
        try:
            tables[names].append(value)
        except KeyError:
            tables[names] = [value]
    return tables


def _extensions(column: Column) -> bool:
    for names, table in _tables(column).items():
        if not names:
            return False
        for name, bodies in zip(names, zip(*map(dict.values, table), strict=True), strict=True):
            if name in EXTENSIONS:
                if not _structures(name, extension=True)(bodies):
                    return False
            elif not single._is_extension_id(name) or not _facts(bodies):
                return False
    return True


def _facts(bodies: Column) -> bool:
    """The bodies of an extension-definition: any JSON under sound names, and what kind of extension it is."""
    if not set(map(_EXTENSION_TYPE, bodies)) <= _EXTENSION_TYPES:
        return False
    for names, table in _tables(bodies).items():
        if not all(name in single._names or single._is_property_name(name) for name in names):
            return False
        if not all(map(_plain_at_top, zip(*map(dict.values, table), strict=True))):
            return False
    return True


def _plain_at_top(column: Column) -> bool:
    return _plain(column, 0)


def _plain(column: Column, depth: int) -> bool:
    """Values of `_compile._plain`."""
    try:
        if "".join(column).isascii():
            return True
    except TypeError:  # not texts alone
        pass
    kinds = set(map(type, column))
    if len(kinds) > 1:
        return all(_plain([value for value in column if type(value) is kind], depth) for kind in kinds)
    if str in kinds:
        return _texts(column)
    if int in kinds:
        least, greatest = min(column), max(column)
        return bool(least >= -SAFE_INTEGER and greatest <= SAFE_INTEGER)
    if list in kinds:
        if depth > single._DEEPEST or not (depth or all(column)):
            return False
        return _plain(list(chain.from_iterable(column)), depth + 1)
    if dict in kinds:
        return depth <= single._DEEPEST and _plain_members(column, depth)
    return kinds <= {bool} or all(single._plain(value, depth) for value in column)


def _plain_members(column: Column, depth: int) -> bool:
    for names, table in _tables(column).items():
        if not all(name in single._names or single._is_dictionary_key(name) for name in names):
            return False
        for members in zip(*map(dict.values, table), strict=True):
            if not _plain(members, depth + 1):
                return False
    return True
