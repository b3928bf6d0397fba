"""The grammar of STIX patterns (STIX 2.1 section 9), read in linear time.

A tokenizer and a parser with its own bound on nesting: no text can make it recurse without end or backtrack. The tree
is not kept, only what checks need: whether the text is a pattern, and the comparisons in it.

``[a:b = 1 AND c:d = 2]`` joins comparisons of two types in one observation. No object has two types, so it never matches;
the grammar of section 9 has it all the same, and a pattern that follows the grammar is valid: accepted, as by the
validator of the standard (the stix2 library's tree refuses it).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from isthmus_sdk.stix._grammar import HASH_LENGTHS, is_base64, is_hash, is_hex_constant
from isthmus_sdk.stix._time import is_timestamp

DEEPEST: Final = 100
"""Nested parentheses we read. The standard has no bound."""
FOREIGN_LIMIT: Final = 250
"""Comparisons beyond which the parsers of other libraries are known to fail."""
LONGEST: Final = 1_000_000
"""Characters of a pattern we read. The standard has no bound."""
_KEPT: Final = 8_192
"""Characters of a pattern whose reading is remembered: what is long comes seldom, and would fill the memory."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<special>[thb]'[^'\\]*')
    | (?P<string>'(?:[^'\\]|\\['\\])*')
    | (?P<float>[+-]?(?:0|[1-9]\d*)?\.\d+)
    | (?P<int>-?(?:0|[1-9]\d*)|\+(?:0|[1-9]\d*))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:-+[A-Za-z0-9_]+)*)
    | (?P<operator>==|!=|<>|<=|>=|[=<>])
    | (?P<mark>[\[\]().,:*])
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_BLANK = re.compile(r"\s*")
_WORDS = "AND OR NOT FOLLOWEDBY LIKE MATCHES ISSUPERSET ISSUBSET EXISTS IN START STOP SECONDS WITHIN REPEATS TIMES true false"
_KEYWORDS = frozenset(_WORDS.split())
_ON_TEXT = frozenset({"LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"})
_ORDERED = frozenset({"<", ">", "<=", ">="})
_EQUAL = frozenset({"=", "==", "!=", "<>"})


class Comparison(NamedTuple):
    """One comparison: object type and the first step of its path."""

    type: str
    property: str


class Reading(NamedTuple):
    """What came of a text: an error with its position, or the comparisons per observation."""

    error: str
    observations: tuple[tuple[Comparison, ...], ...] = ()

    @property
    def comparisons(self) -> int:
        """How many comparisons the pattern has."""
        return sum(map(len, self.observations))


class Token(NamedTuple):
    """A word of a pattern: what it is, its text, and where."""

    kind: str
    text: str
    at: int


class _BadPattern(Exception):
    pass


def read_pattern(text: str) -> Reading:
    """Read a pattern. Never raises: a text that is none has its ``error`` set."""
    if len(text) <= _KEPT:
        return _remembered(text)
    return _read(text) if len(text) <= LONGEST else Reading(f"longer than {LONGEST} characters")


def _read(text: str) -> Reading:
    try:
        parser = _Parser(tokens(text))
        parser.pattern()
    except _BadPattern as error:
        return Reading(str(error))
    return Reading("", tuple(tuple(each) for each in parser.observations))


_remembered = lru_cache(maxsize=1_024)(_read)


def tokens(text: str) -> list[Token]:
    """The words of a text. Raises where one is none."""
    words, at = [], 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            start = _BLANK.match(text, at)
            raise _BadPattern(f"unexpected {text[start.end() if start else at :][:12]!r} at {at}")
        kind = found.lastgroup
        word = found[kind]
        words.append(Token("keyword" if kind == "name" and word in _KEYWORDS else kind, word, found.start(kind)))
        at = found.end()
    return words


class _Parser:
    """Recursive descent with a counter; every method consumes one production of the grammar."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self.observations: list[list[Comparison]] = []

    def pattern(self) -> None:
        if not self._tokens:
            raise _BadPattern("the pattern is empty")
        self._observations()
        if self._next < len(self._tokens):
            raise self._unexpected("the end")

    def _observations(self) -> None:
        """Observation expressions joined by AND, OR, FOLLOWEDBY; precedence does not matter for validity."""
        self._observation()
        while self._take("AND", "OR", "FOLLOWEDBY"):
            self._observation()

    def _observation(self) -> None:
        if self._take("["):
            self.observations.append([])
            self._comparisons()
            self._expect("]")
        elif self._take("("):
            self._deeper()
            self._observations()
            self._expect(")")
            self._depth -= 1
        else:
            raise self._unexpected("'[' or '('")
        while self._qualifier():
            pass

    def _qualifier(self) -> bool:
        if self._take("START"):
            self._time()
            self._expect("STOP")
            self._time()
        elif self._take("WITHIN"):
            self._natural("int", "float")
            self._expect("SECONDS")
        elif self._take("REPEATS"):
            self._natural("int")
            self._expect("TIMES")
        else:
            return False
        return True

    def _comparisons(self) -> None:
        self._comparison()
        while self._take("AND", "OR"):
            self._comparison()

    def _comparison(self) -> None:
        if self._take("("):
            self._deeper()
            self._comparisons()
            self._expect(")")
            self._depth -= 1
        elif self._take("EXISTS"):
            self._path()
        else:
            last = self._path()
            self._take("NOT")
            token = self._take_any("an operator")
            if token.text in _EQUAL and token.kind == "operator":
                self._literal(ordered=False)
                self._hash(last, self._tokens[self._next - 1])
            elif token.text in _ORDERED and token.kind == "operator":
                self._literal(ordered=True)
            elif token.kind == "keyword" and token.text in _ON_TEXT:
                self._expect_kind("string")
            elif token.kind == "keyword" and token.text == "IN":
                self._set()
            else:
                raise self._unexpected("an operator", back=True)

    def _path(self) -> str:
        """``type:property.step[0]``; returns the hash algorithm that the path ends in, or nothing."""
        token = self._expect_kind("name")
        self._expect(":")
        steps = [self._step()]
        self.observations[-1].append(Comparison(token.text, steps[0]))
        while True:
            if self._take("."):
                steps.append(self._step())
            elif self._take("["):
                index = self._take_any("an index or *")
                if index.kind != "int" and index.text != "*":
                    raise self._unexpected("an index or *", back=True)
                self._expect("]")
            else:
                return _HASHES.get(_plain_name(steps[-1]), "") if "hashes" in steps[:-1] else ""

    def _step(self) -> str:
        token = self._take_any("a property")
        if token.kind != "string" and (token.kind != "name" or "-" in token.text):
            raise self._unexpected("a property", back=True)
        return token.text.strip("'")

    def _hash(self, algorithm: str, literal: Token) -> None:
        if algorithm and not (literal.kind == "string" and is_hash(algorithm, literal.text[1:-1])):
            raise self._unexpected(f"a {algorithm} hash", back=True)

    def _set(self) -> None:
        self._expect("(")
        if self._take(")"):
            return
        self._literal(ordered=False)
        while self._take(","):
            self._literal(ordered=False)
        self._expect(")")

    def _literal(self, *, ordered: bool) -> None:
        token = self._take_any("a literal")
        if token.kind in ("string", "int", "float"):
            return
        if token.kind == "special" and _is_special(token.text):
            return
        if token.kind == "keyword" and token.text in ("true", "false") and not ordered:
            return
        raise self._unexpected("a literal", back=True)

    def _time(self) -> None:
        token = self._take_any("t'timestamp'")
        if token.kind != "special" or token.text[0] != "t" or not _is_special(token.text):
            raise self._unexpected("t'timestamp'", back=True)

    def _natural(self, *kinds: str) -> None:
        token = self._take_any("a number")
        if token.kind not in kinds or token.text.startswith("-"):
            raise self._unexpected("a number that is not negative", back=True)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _BadPattern(f"more than {DEEPEST} nested parentheses")

    def _take(self, *texts: str) -> bool:
        """Consume the next token if it is one of these words or marks (never a string)."""
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.text in texts and token.kind in ("keyword", "mark"):
                self._next += 1
                return True
        return False

    def _take_any(self, expected: str) -> Token:
        if self._next >= len(self._tokens):
            raise self._unexpected(expected)
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(repr(text))

    def _expect_kind(self, kind: str) -> Token:
        token = self._take_any(f"a {kind}")
        if token.kind != kind:
            raise self._unexpected(f"a {kind}", back=True)
        return token

    def _unexpected(self, expected: str, *, back: bool = False) -> _BadPattern:
        at = self._next - 1 if back else self._next
        if at >= len(self._tokens):
            return _BadPattern(f"expected {expected} at the end of the pattern")
        token = self._tokens[at]
        return _BadPattern(f"expected {expected} at {token.at}, found {token.text[:20]!r}")


def _plain_name(algorithm: str) -> str:
    return algorithm.upper().replace("-", "")


_HASHES = {_plain_name(name): name for name in (*HASH_LENGTHS, "SSDEEP")}


def _is_special(text: str) -> bool:
    body = text[2:-1]
    if text[0] == "t":
        return is_timestamp(body)
    return is_hex_constant(body) if text[0] == "h" else is_base64(body)
