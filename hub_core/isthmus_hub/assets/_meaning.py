"""What makers' and systems' names mean: vendors write one in many ways, and equipment goes by the names of what was bought up. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

Words = frozenset[str]

_WORD = re.compile(r"[^\W_]+")

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
    if one := next((names_of_one for names_of_one in _ONE_MAKER if names_of_one & names), None):
        return min(one)
    ordered = _WORD.findall(text.casefold())
    return next((word for word in ordered if word in names), "")


@lru_cache(maxsize=4096)
def system_family(text: str) -> str:
    """The family of an operating system: the same for "Windows10" and "Microsoft Windows 10 Pro". Empty for one that is not known here."""
    lower = text.lower()
    return next((family for pattern, family in _FAMILIES if pattern.search(lower)), "")
