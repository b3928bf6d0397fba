"""What names, serials and models mean, whoever wrote them: spellings, makers that were bought up, signs between, names that were cut. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Set
from functools import lru_cache
from typing import Final

Words = frozenset[str]

_WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"[\W_]+")
_SHORTEST = 3
"""A shorter model stands in too many others to mean one of them."""
NETBIOS: Final = 15
"""Characters of a host's name that NetBIOS keeps ([MS-NBTE] 2.2.1), and with it what listens to it."""

_COMMON: Final = frozenset(
    {
        "ab", "ag", "aktiengesellschaft", "asa", "automation", "bv", "co", "communications", "company", "computer",
        "controls", "corp", "corporate", "corporation", "electric", "electronics", "gmbh", "group", "holding", "inc",
        "incorporated", "industrial", "industries", "instruments", "international", "kg", "limited", "llc", "ltd",
        "networks", "nv", "oy", "plc", "products", "sa", "sas", "se", "solutions", "spa", "srl", "systems",
        "technologies", "technology", "the",
    }
)  # fmt: skip
"""Words of many makers' names: they make nobody known."""
_NOBODY: Final = frozenset({"unknown", "none", "other", "generic", "private"})
_ONE_MAKER: Final = (
    frozenset({"rockwell", "allen", "bradley"}),
    frozenset({"schneider", "modicon", "telemecanique", "apc"}),
    frozenset({"hp", "hpe", "hewlett", "packard", "aruba"}),
    frozenset({"hirschmann", "belden", "tofino"}),
    frozenset({"ge", "general", "fanuc", "emerson"}),
    frozenset({"siemens", "ruggedcom"}),
    frozenset({"dell", "emc"}),
    frozenset({"ibm", "lenovo"}),
    frozenset({"cisco", "meraki"}),
)
"""Names of one maker, or of one that took over another's products: equipment goes by either."""
_FAMILIES: Final = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"\bios[ -]?x[er]\b|\bcisco\b|\bnx-?os\b", "cisco"),
        (r"windows|microsoft|\bwin(?:10|11|7|xp|nt)\b", "windows"),
        (r"android", "android"),
        (r"\bipados\b|\bios\b", "ios"),
        (r"mac ?os|\bos ?x\b|darwin", "macos"),
        (r"vxworks", "vxworks"),
        (r"\bqnx\b", "qnx"),
        (r"esxi|vmkernel", "esxi"),
        (r"[a-z]*bsd\b", "bsd"),
        (r"linux|ubuntu|debian|red ?hat|\brhel\b|centos|suse|fedora|rocky|alma|\bkali\b|raspbian", "linux"),
    )
)


@lru_cache(maxsize=4096)
def maker_names(text: str) -> Words:
    """Every name that the maker of this name goes by; nothing where it names nobody."""
    words = frozenset(_WORD.findall(text.casefold())) - _COMMON
    if words & _NOBODY:
        return frozenset()
    return words.union(*(names for names in _ONE_MAKER if names & words))


@lru_cache(maxsize=4096)
def maker(text: str) -> str:
    """One word for a maker: the same for "SIEMENS AG" and "Siemens", for "Allen-Bradley" and "Rockwell Automation". Empty: nobody."""
    names = maker_names(text)
    if group := next((group for group in _ONE_MAKER if group & names), None):
        return min(group)
    return next((word for word in _WORD.findall(text.casefold()) if word in names), "")


@lru_cache(maxsize=4096)
def system_family(text: str) -> str:
    """The family of an operating system: the same for "Windows10" and "Microsoft Windows 10 Pro". Empty for one that is not known here."""
    lower = text.lower()
    return next((family for pattern, family in _FAMILIES if pattern.search(lower)), "")


def catalogue_number(text: str) -> str:
    """A model or serial without the signs that people set between: "6ES7 515-2AM01-0AB0" is "6es75152am010ab0"."""
    return _SIGNS.sub("", text.casefold())


def may_be_one(kind: str, some: Set[str], others: Set[str]) -> bool:
    """Whether serials, or host names, can be those of one device."""
    return (may_be_one_name if kind == "hostname" else one_contains_the_other)(some, others)


def one_contains_the_other(some: Iterable[str], others: Collection[str]) -> bool:
    """Whether a value of the ones stands within one of the others: "R650" and "PowerEdge R650" are no contradiction, nor is a serial
    with its prefix.
    """
    return any(
        (one in other or other in one) and min(len(one), len(other)) >= _SHORTEST for one in some for other in others
    )


def may_be_one_name(some: Set[str], others: Set[str]) -> bool:
    """Whether two hosts' names can be one: the same, or one of them cut after 15 characters as NetBIOS cuts it.

    A cut name says nothing more where the whole names are known: hosts whose names begin alike are two.
    """
    if not any(len(name) == NETBIOS for name in (*some, *others)):
        return not some.isdisjoint(others)
    mine, theirs = _whole(some, others), _whole(others, some)
    if mine and theirs:
        return not mine.isdisjoint(theirs)
    return any(_begins(one, other) or _begins(other, one) for one in some for other in others)


def _whole(names: Set[str], others: Set[str]) -> Set[str]:
    return {name for name in names if not any(name != other and _begins(name, other) for other in names | others)}


def _begins(cut: str, whole: str) -> bool:
    return cut == whole or (len(cut) == NETBIOS and whole.startswith(cut))
