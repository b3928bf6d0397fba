"""What a connector asks for, shown to the person who decides."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from isthmus_hub.cli._context import print_json, say
from isthmus_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from isthmus_hub.runtime.environments import Offer


def consent(offer: Offer, *, given: bool, json: bool) -> None:
    """Show the offer and ask. Raises :class:`ConfigurationError` where nobody agrees.

    A new version that asks for nothing new needs no further word: its hash was given.
    """
    if not json:
        _show(offer)
    if given or (offer.former is not None and not offer.new):
        return
    if json:
        print_json({**offer.as_json(), "added": False})
    elif sys.stdin.isatty() and sys.stderr.isatty():
        say("Add it? [y/N]")
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise ConfigurationError("not added")
    raise ConfigurationError(f"{offer.name}: what it asks for needs consent: give --yes to grant it. Nothing was added")


def _show(offer: Offer) -> None:
    from isthmus_hub.telemetry import escape

    def tell(line: str) -> None:
        say(escape(line))  # it is the stranger who wrote it

    wheel, manifest = offer.wheel, offer.manifest
    tell(
        f"{offer.name} {wheel.version}: {manifest.title or manifest.product} (distribution {wheel.name}, sha256:{wheel.digest})"
    )
    if offer.former is not None:
        tell(f"replaces {offer.former.version}; " + ("asks for more:" if offer.new else "asks for nothing new"))
    for line in (offer.new if offer.former is not None else offer.asks).lines():
        tell(f"  {line}")
    if offer.asks.isolation:
        tell(f"  It works only up to isolation level {offer.asks.isolation[0]!r}: less holds it than could.")
    for each in (wheel, *offer.others):
        for name in each.startup:
            tell(f"  {each.path.name} brings the start-up file {name}: it never runs")


__all__ = ["consent"]
