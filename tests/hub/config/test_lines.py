"""The line of every key, for any document the TOML parser accepts."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from isthmus_hub.config._lines import key_lines

SAMPLE = '''\
# comment = 1
top = 1
"quoted key" = { a = 1, "b.c" = [ 1, { deep = 2 } ] }   # inline = 3

[hub]
name = """
fake = 1
[not a table]
"""
'literal key' = \'\'\'x = 1 \'\'\'\'
a.b . "c" = 'text # no comment'
list = [
  1, # one
  [ 2 ],
  "three]",
]

[[scope]]
name = "one"
when = { site = "\\"}" }
[[scope]]
name = "two"
[scope.when]
site = "x"
[[scope.part]]
n = 1
[[scope.part]]
n = 2

[connector."guardian north"]
every = "5m"
date = 2026-01-01 10:00:00
'''


def paths(value, path=()):
    """Every key and element of plain TOML data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


def test_every_key_of_a_mixed_document_is_found_where_it_stands():
    lines = key_lines(SAMPLE)
    assert set(lines) == set(paths(tomllib.loads(SAMPLE)))
    text = SAMPLE.splitlines()
    for path, line in lines.items():
        key = next(step for step in reversed(path) if isinstance(step, str))
        if isinstance(path[-1], str):
            assert key in text[line - 1], path
    assert lines[("scope", 1, "part", 1, "n")] == text.index("n = 2") + 1
    assert lines[("hub", "list", 2)] == text.index('  "three]",') + 1
    assert lines[("connector",)] == lines[("connector", "guardian north")]


def test_dos_line_ends_do_not_move_lines():
    lines = key_lines('a = 1\r\n[b]\r\nc = """\r\nx"""\r\nd = 2\r\n')
    assert lines == {("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "d"): 5}


letters = st.characters(codec="utf-8")
keys = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), st.text(letters, max_size=6))
scalars = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.text(letters, max_size=12),
    st.sampled_from(["# x", "a = 1\n[b]", '"""', "]},"]),
)
values = st.recursive(
    scalars, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(keys, v, max_size=3)), max_leaves=8
)
documents = st.dictionaries(keys, st.dictionaries(keys, values, max_size=3), max_size=4)


def quoted(text):
    """A basic string with every unusual character escaped."""
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'


def inline(value, spread):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        inside = f",{spread}".join(inline(item, spread) for item in value)
        return f"[{spread}{inside}{spread}]"
    return "{" + ", ".join(f"{quoted(key)} = {inline(item, spread)}" for key, item in value.items()) + "}"


@given(documents, st.sampled_from(["", " ", "\n", " # note ]\n  "]))
def test_scanner_and_parser_agree_about_every_key(document, spread):
    text = ""
    expected = {}
    for table, entries in document.items():
        expected[(table,)] = text.count("\n") + 1
        text += f"[{quoted(table)}]\n"
        for key, value in entries.items():
            expected[(table, key)] = text.count("\n") + 1
            text += f"{quoted(key)} = {inline(value, spread)}\n\n"
    lines = key_lines(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    for path, line in expected.items():
        assert lines[path] == line
