"""A model of identity for this site: fitted to its own records, shown with what it would change, applied by nobody but the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_hub import assets
from isthmus_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from isthmus_hub.config import Config
    from isthmus_hub.store import Store


class Fits:
    """These methods of :class:`~isthmus_hub.hub.Hub`."""

    if TYPE_CHECKING:

        @property
        def store(self) -> Store: ...

        @property
        def beliefs(self) -> assets.Beliefs: ...

    def assets_fit(self) -> dict[str, Any]:
        """A model fitted to what was observed, and how the inventory would be divided by it. Nothing is changed.

        Raises :class:`ConfigurationError` where there are too few records to learn from.
        """
        weights = self.beliefs.weights
        index = assets.identities(self.store, weights)
        try:
            fitted = assets.fit(index.sharing(), index.devices(), weights)
        except ValueError as error:
            raise ConfigurationError(f"nothing was fitted: {error}; the model {weights.version} stays") from None
        other = assets.identities(self.store, fitted.weights)
        before, after = _parts(index), _parts(other)
        return {
            "version": fitted.weights.version,
            "replaces": weights.version,
            "pairs": fitted.pairs,
            "decided": fitted.decided,
            "at_random": fitted.at_random,
            "estimates": [asdict(one) for one in fitted.estimates],
            "devices": {"before": len(before), "after": len(after)},
            "merged": _changed(after, before),
            "divided": _changed(before, after),
            "undecided": {"before": len(index.undecided()), "after": len(other.undecided())},
            "model": assets.model_text(fitted.weights),
        }


def weights_of(config: Config | None) -> assets.Weights:
    """The model that a configuration names, else the one that is shipped. Raises ``ConfigurationError``."""
    if config is None or config.assets.model is None:
        return assets.DEFAULT_WEIGHTS
    return assets.read_model(Path(config.assets.model))


def _parts(index: assets.IdentityIndex) -> list[tuple[str, ...]]:
    return index.clusters(index.observations)


def _changed(whole: Sequence[tuple[str, ...]], other: Sequence[tuple[str, ...]]) -> list[list[list[str]]]:
    """Devices of one division that are several in the other: each as the parts it falls into."""
    where = {id: part for part in other for id in part}
    fallen = ({where[id] for id in part} for part in whole)
    return [[list(each) for each in sorted(parts)] for parts in fallen if len(parts) > 1]


__all__ = ["Fits", "weights_of"]
