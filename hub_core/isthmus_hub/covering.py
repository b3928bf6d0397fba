"""What is covered, what is not, and what a primary platform would change, by the store and the configuration; plain data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_hub import assets
from isthmus_hub import coverage as covering
from isthmus_hub.coverage.attack import Attack, ics, read_bundle
from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.nearest import did_you_mean

if TYPE_CHECKING:
    from isthmus_hub.config import Config
    from isthmus_hub.store import Store
    from isthmus_sdk.loader import Found


@dataclass(frozen=True, slots=True)
class Choice:
    """A primary platform: its manifest, where it has one, and the instances that read its own sensors."""

    name: str | None
    title: str
    manifest: covering.Primary | None = None
    capabilities: tuple[covering.Capability, ...] = ()
    own: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    """Connectors that read its own sensors."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Assets that are asked about, and all there are: the others tell what instances reach."""

    chosen: list[dict[str, Any]]
    everything: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Watching:
    """Coverage, gaps and exposures of the same assets at the same time."""

    asked: Asked
    communications: Sequence[dict[str, Any]]
    """Of all assets, whoever is asked about."""
    coverage: dict[str, Any]
    """The shape of ``coverage --techniques --json``."""
    gaps: dict[str, Any]
    """The shape of ``gaps --json``."""
    exposures: Sequence[dict[str, Any]]
    """The rows of ``exposures --json``."""
    unseen: Mapping[tuple[str, str], Sequence[str]]
    """Asset class and function to the assets of which nobody gave fresh evidence."""


class Covers:
    """These methods of :class:`~isthmus_hub.hub.Hub`."""

    _config: Config | None

    if TYPE_CHECKING:

        @property
        def store(self) -> Store: ...

        @property
        def config(self) -> Config: ...

        @property
        def connectors(self) -> Mapping[str, Found]: ...

        @property
        def platforms(self) -> Mapping[str, Found]: ...

        def placed_assets(self, owner: str | None = None) -> list[dict[str, Any]]: ...

        def owned(self, placed: Sequence[Mapping[str, Any]], owner: str) -> list[dict[str, Any]]: ...

        def _asset(self, text: str) -> str: ...

    def coverage(
        self,
        primary: str | None = None,
        site: str | None = None,
        zone: str | None = None,
        owner: str | None = None,
        techniques: bool = False,
        enterprise: str | None = None,
    ) -> dict[str, Any]:
        """The shape of ``coverage --json``: declared, reachable and observed, by asset class and function, by ATT&CK technique
        and in the words of three frameworks, and what further connectors would add.

        ``site``, ``zone`` and ``owner`` ask about some assets only. ``techniques`` adds a row for each technique and class.
        """
        choice = self._choice(primary)
        return self._coverage_of(choice, self._fleet(choice, self._asked(site, zone, owner)), techniques, enterprise)

    def _coverage_of(
        self, choice: Choice, fleet: covering.Fleet, techniques: bool, enterprise: str | None = None
    ) -> dict[str, Any]:
        rows = {attack.domain: covering.techniques(fleet, attack) for attack in self._attack(enterprise)}
        found = {
            "primary": choice.name,
            "assets": len(fleet.assets),
            "cells": covering.matrix_json(covering.cells(fleet)),
            "baseline": covering.standing(fleet, choice.capabilities, ics(), own=choice.own).as_json(),
            "techniques": {domain: covering.technique_summary(each) for domain, each in rows.items()},
            "rollups": covering.rollups(fleet),
            "additions": covering.additions(covering.blind_cells(fleet)).as_json(),
        }
        if techniques:
            found["technique_rows"] = [row.as_json() for each in rows.values() for row in each]
        return found

    def gaps(
        self, primary: str | None = None, site: str | None = None, zone: str | None = None, owner: str | None = None
    ) -> dict[str, Any]:
        """The shape of ``gaps --json``; what is stale is measured against the clock."""
        choice, asked = self._choice(primary), self._asked(site, zone, owner)
        return self._gaps_of(choice, asked, self._fleet(choice, asked), assets.communications(self.store))

    def _gaps_of(
        self, choice: Choice, asked: Asked, fleet: covering.Fleet, communications: Iterable[Mapping[str, Any]]
    ) -> dict[str, Any]:
        found = covering.gaps(
            asked.everything,
            communications,
            fleet.sources,
            now=datetime.now(UTC),
            rules=self._rules,
            products=self._products(),
            only=None if asked.chosen is asked.everything else {each.id for each in fleet.assets},
        )
        spots = dict(covering.blind_needs(fleet))
        return {
            "primary": choice.name,
            "gaps": [
                {**gap, "closed_by": covering.closed_by(gap["kind"], gap["assets"], spots)}
                for gap in covering.gaps_json(found)
            ],
            "additions": covering.additions(spots.items()).as_json(),
        }

    def exposures(self, owner: str | None = None, limit: int | None = None, asset: str | None = None) -> dict[str, Any]:
        """The shape of ``exposures --json``: open exposures, the most urgent first; ``open`` counts all, ``limit`` shows so many.

        ``asset`` asks about one, named by its id or by a value that it alone carries.
        """
        asked = self._asked(None, None, owner)
        rows = self.exposures_of(asked.everything, asked.chosen, assets.communications(self.store))
        if asset is not None:
            wanted = self._asset(asset)
            rows = [row for row in rows if row["asset"] == wanted]
        return {"open": len(rows), "exposures": rows if limit is None else rows[: max(limit, 0)]}

    def exposures_of(
        self,
        everything: Sequence[Mapping[str, Any]],
        chosen: Sequence[Mapping[str, Any]],
        communications: Iterable[Mapping[str, Any]],
    ) -> list[dict[str, Any]]:
        """The open exposures of the chosen ones, from placed assets and communications that were read already."""
        found = covering.exposures(assets.exposures(self.store), everything, communications, rules=self._rules)
        mine = {each["id"] for each in chosen}
        return [row for row in found if row["asset"] in mine]

    def watching(self, owner: str | None = None) -> Watching:
        """What `coverage`, `gaps` and `zones` begin with, read once; with techniques. Raises for a team that owns nothing here."""
        choice, asked = self._choice(None), self._asked(None, None, owner)
        fleet = self._fleet(choice, asked)
        unseen: dict[tuple[str, str], list[str]] = defaultdict(list)
        classes = {each.id: each.asset_class for each in fleet.assets}
        for (id, function), _ in covering.blind_cells(fleet):
            unseen[classes[id], function].append(id)
        communications = list(assets.communications(self.store))
        return Watching(
            asked,
            communications,
            self._coverage_of(choice, fleet, techniques=True),
            self._gaps_of(choice, asked, fleet, communications),
            self.exposures_of(asked.everything, asked.chosen, communications),
            unseen,
        )

    def compare_primaries(
        self, names: Sequence[str] = (), site: str | None = None, zone: str | None = None, owner: str | None = None
    ) -> dict[str, Any]:
        """The shape of ``compare-primaries --json``: each platform on the assets there are; without names all with a manifest."""
        found, asked = [], self._asked(site, zone, owner)
        for name in list(dict.fromkeys(names)) or list(self._catalogue()):
            choice = self._choice(name)
            fleet = self._fleet(choice, asked)
            manifest = choice.manifest
            found.append(
                {
                    "name": choice.name,
                    "title": choice.title,
                    "vendor": manifest.primary.vendor if manifest else "",
                    "note": manifest.primary.note if manifest else "",
                    **covering.standing(fleet, choice.capabilities, ics(), own=choice.own).as_json(),
                    "own_instances": sorted(choice.own),
                    "delivered_by": list(manifest.primary.delivered_by) if manifest else [choice.name],
                    **(manifest.openness() if manifest else {"takes": [], "gives": []}),
                    "claims": manifest.claims() if manifest else [],
                }
            )
        return {"partners": sorted(self.config.connectors), "primaries": found}

    def sources(self, primary: str | None = None) -> list[covering.Source]:
        """Every installed connector, and each configured instance of it, with what the manifests declare."""
        return list(self._sources(self._choice(primary)))

    # -- what it is computed from --------------------------------------------------------------------------------------

    def _sources(self, choice: Choice) -> Iterator[covering.Source]:
        if choice.capabilities and not choice.reads & self.connectors.keys():
            yield covering.Source(str(choice.name), choice.capabilities)
        for name, found in self.connectors.items():
            declared = _declared(found)
            yield covering.Source(name, declared)
            for instance, settings in self.config.connectors.items():
                if settings.use == name and settings.enabled:
                    manifest = found.manifest
                    default = [one.name for one in manifest.streams if one.default] if manifest is not None else ()
                    yield covering.Source.running(
                        name, declared, instance, settings.streams_run(default), primary=instance in choice.own
                    )

    def _asked(self, site: str | None, zone: str | None, owner: str | None) -> Asked:
        """The assets that are asked about. Raises :class:`ConfigurationError` for a place or team that is not there."""
        everything = self.placed_assets()
        chosen = everything
        if owner is not None:
            chosen = self.owned(everything, owner)
        for key, wanted in (("site", site), ("zone", zone)):
            if wanted is not None:
                chosen = [asset for asset in chosen if asset.get(key) == wanted]
                if not chosen and all(asset.get(key) != wanted for asset in everything):
                    known = {str(asset[key]) for asset in everything if asset.get(key)}
                    raise ConfigurationError(f"--{key} {wanted}: no asset has it{did_you_mean(wanted, known)}")
        return Asked(chosen, everything)

    def _fleet(self, choice: Choice, asked: Asked) -> covering.Fleet:
        return covering.Fleet(
            asked.chosen,
            list(self._sources(choice)),
            now=datetime.now(UTC),
            rules=self._rules,
            products=self._products(),
            elsewhere=asked.everything,
        )

    def _choice(self, name: str | None) -> Choice:
        """The primary platform of that name: one configured, one with a manifest, one installed, or a manifest's file."""
        wanted = name or self.config.primary
        if wanted is None:
            return Choice(None, "none chosen")
        configured = self.config.platforms.get(wanted)
        manifests = self._catalogue()
        if configured is not None:
            if configured.product and configured.product not in manifests:
                where = self.config.where("platform", wanted, "product")
                hint = did_you_mean(configured.product, manifests)
                raise ConfigurationError(f"{where}: product {configured.product!r} has no manifest{hint}")
            manifest = manifests.get(configured.product or configured.use)
            own = {configured.covers_by} if configured.covers_by else set()
        elif wanted.endswith(".toml"):
            manifest, own = covering.read_primary(Path(wanted)), set()
        else:
            manifest, own = manifests.get(wanted), set()
            own |= {
                each.covers_by for each in self.config.platforms.values() if each.product == wanted and each.covers_by
            }
        if manifest is not None:
            reads = frozenset(manifest.primary.sensors)
            own |= {instance for instance, each in self.config.connectors.items() if each.use in reads and each.enabled}
            title = manifest.primary.title if configured is None else f"{wanted} ({manifest.primary.title})"
            shown = manifest.name if configured is None else wanted
            return Choice(shown, title, manifest, manifest.capabilities, frozenset(own), reads)
        if configured is None and wanted not in self.platforms:
            hint = did_you_mean(wanted, {*self.config.platforms, *manifests, *self.platforms})
            raise ConfigurationError(f"primary {wanted!r}: is neither configured nor has a manifest{hint}")
        installed = self.platforms.get(configured.use if configured else wanted)
        return Choice(wanted, wanted, None, _declared(installed) if installed else (), frozenset(own))

    def _catalogue(self) -> Mapping[str, covering.Primary]:
        folder = self.config.coverage.primaries
        return covering.catalogue(Path(folder) if folder else None)

    def _products(self) -> list[covering.Product]:
        """What vendors may mean when they name another tool: installed connectors, and products with a manifest."""
        own = [
            covering.Product(
                (name, found.manifest.title, f"{found.manifest.vendor} {found.manifest.product}"), _declared(found)
            )
            for name, found in self.connectors.items()
            if found.manifest is not None
        ]
        return own + [one.product for one in self._catalogue().values() if one.capability]

    def _attack(self, enterprise: str | None) -> list[Attack]:
        path = enterprise or self.config.coverage.enterprise
        return [ics(), *([read_bundle(Path(path))] if path else [])]

    @property
    def _rules(self) -> covering.Rules:
        if self._config is None:
            return covering.Rules()
        chosen = self._config.coverage
        return covering.Rules(
            stale_after=timedelta(seconds=chosen.stale_after),
            unscanned_after=timedelta(seconds=chosen.unscanned_after),
            crown_jewel=chosen.crown_jewel,
        )


def _declared(found: Found) -> tuple[covering.Capability, ...]:
    if found.manifest is None:
        return ()
    return tuple(covering.capability(item.model_dump()) for item in found.manifest.capabilities)


__all__ = ["Choice", "Covers"]
