"""What somebody may have meant who wrote a name that there is none of: one wording for every message."""

from __future__ import annotations

from collections.abc import Iterable

_LISTED = 20
"""So many known names are listed; of more, how many there are."""


def did_you_mean(word: str, known: Iterable[str], *, others: str = "known") -> str:
    """``; did you mean "every"?``; where no known name is near, ``; known: a, b``.

    Case and ``-`` for ``_`` do not count. ``others`` is the word before the list: ``installed``, ``streams``.
    """
    import difflib  # only who mistypes waits for it

    names = list(dict.fromkeys(known))
    folded = {_folded(name): name for name in names}
    near = difflib.get_close_matches(_folded(word), folded, n=1, cutoff=0.5)
    if near:
        return f'; did you mean "{folded[near[0]]}"?'
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"; {others}: {', '.join(sorted(names)[:_LISTED]) or 'none'}{more}"


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


__all__ = ["did_you_mean"]
