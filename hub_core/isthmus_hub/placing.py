"""Where assets are and who owns them, by what the configuration declares; plain data in and out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isthmus_hub import assets
from isthmus_hub.config import Config, PlaceConditions
from isthmus_hub.zones import Conditions, ConduitRule, Model, OwnerRule, ZoneRule, overview, owned_by, place
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.nearest import did_you_mean

if TYPE_CHECKING:
    from isthmus_hub.store import Store


class Places:
    """These methods of :class:`~isthmus_hub.hub.Hub`."""

    _config: Config | None

    if TYPE_CHECKING:

        @property
        def store(self) -> Store: ...

    @property
    def zone_model(self) -> Model:
        """What the configuration declares of zones, conduits and owners."""
        return model_of(self._config)

    def placed_assets(self, owner: str | None = None) -> list[dict[str, Any]]:
        """Every asset with its zone and owner; of one team with ``owner``. Raises for a team that owns nothing here."""
        found = place(assets.inventory(self.store), self.zone_model)
        return found if owner is None else self.owned(found, owner)

    def owned(self, placed: Sequence[Mapping[str, Any]], owner: str) -> list[dict[str, Any]]:
        """Those of all placed assets that a team owns. Raises for a team that owns nothing here."""
        mine = owned_by(placed, owner)
        if not mine and owner not in (known := self._teams(placed)):
            raise ConfigurationError(f"--owner {owner}: there is no such team{did_you_mean(owner, known)}")
        return [dict(asset) for asset in mine]

    def assets(self, owner: str | None = None) -> dict[str, Any]:
        """The shape of ``assets --json``."""
        return {"assets": self.placed_assets(owner)}

    def zones(self, owner: str | None = None) -> dict[str, Any]:
        """The shape of ``zones --json``: zones, observed conduits, what breaks the declared model, ways into OT."""
        everything = self.placed_assets()
        chosen = None if owner is None else self.owned(everything, owner)
        return self.zones_of(everything, assets.communications(self.store), chosen)

    def zones_of(
        self,
        everything: Sequence[Mapping[str, Any]],
        communications: Iterable[Mapping[str, Any]],
        chosen: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """The same from placed assets and communications that were read already; what concerns the chosen ones with ``chosen``."""
        found = overview(everything, communications, self.zone_model)
        if chosen is None:
            return found
        mine = {asset["id"] for asset in chosen}
        names = {str(asset["zone"]) for asset in chosen}
        return {
            "zones": [zone for zone in found["zones"] if zone["name"] in names],
            "conduits": [one for one in found["conduits"] if names & {one["from"], one["to"]}],
            "violations": [one for one in found["violations"] if mine & set(one["assets"])],
            "entry_points": [one for one in found["entry_points"] if one["asset"] in mine],
        }

    def _teams(self, found: Sequence[Mapping[str, Any]]) -> set[str]:
        declared = {rule.name for rule in self.zone_model.owners}
        declared |= {rule.owner for rule in self.zone_model.zones if rule.owner}
        return declared | {"none"} | {asset["owner"] for asset in found if asset["owner"]}


def model_of(config: Config | None) -> Model:
    """The declared model of a configuration; an empty one without."""
    if config is None:
        return Model()
    return Model(
        zones=tuple(
            ZoneRule(
                zone.name,
                _conditions(zone.when),
                level=zone.level,
                technology=zone.technology,
                security_level=zone.security_level,
                owner=zone.owner,
            )
            for zone in config.zones
        ),
        conduits=tuple(ConduitRule(one.source, one.target, one.services) for one in config.conduits),
        owners=tuple(OwnerRule(one.name, _conditions(one.when)) for one in config.owners),
    )


def declared_places(config: Config | None) -> tuple[assets.Place, str]:
    """How a configuration places one asset, and a text that is the same where it places all alike; empty where it places none."""
    if config is None or not (config.zones or config.owners):
        return assets.as_told, ""
    model = model_of(config)
    written = [[one.model_dump(mode="json") for one in rules] for rules in (config.zones, config.owners)]
    return lambda asset: place([asset], model)[0], json.dumps(written, sort_keys=True)


def _conditions(when: PlaceConditions) -> Conditions:
    return Conditions.parse(when.model_dump(by_alias=True, exclude_none=True))


__all__ = ["Places", "declared_places", "model_of"]
