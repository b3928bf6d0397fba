"""What a connector's check finds of one list of the vendor: it can be read, or something is lacking.

A finding is a line for the operator. One that is :class:`Lacking` also says which streams need what is not there, so that
``isthmus check`` fails for an instance that runs them and does not for one that never asks.
"""

from __future__ import annotations

from collections.abc import Callable

from isthmus_sdk.errors import PermissionDenied


class Lacking(str):
    """A finding that something cannot be read, in words that say what grants it."""

    __slots__ = ("streams",)

    streams: tuple[str, ...]
    """The streams that need it; none named: the instance needs it whatever it reads."""

    def __new__(cls, finding: str, *streams: str) -> Lacking:
        self = super().__new__(cls, finding)
        self.streams = streams
        return self


def readable(what: str, ask: Callable[[], object], *streams: str, lacks: str) -> str:
    """The finding of one cheap authenticated call ``ask``.

    ``lacks`` is what the vendor's console must grant where the answer is 403. A text that ``ask`` returns is a refusal
    that the vendor words in a reply of status 200. Raises what else goes wrong: no list can be read then.
    """
    try:
        refusal = ask()
    except PermissionDenied:
        return Lacking(f"{what}: {lacks}", *streams)
    return Lacking(f"{what}: {refusal}", *streams) if isinstance(refusal, str) else f"{what}: readable"


__all__ = ["Lacking", "readable"]
