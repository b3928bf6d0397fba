"""Address scopes: the network in which an IP address is unique.

A scope is a property of each interface, decided by the ``[[scope]]`` rules of the configuration: the first rule whose
conditions all hold names it, the rest is scope ``default``. The hub parses the rules, the worker applies them; both use
this file, so that they cannot disagree.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from isthmus_sdk.errors import SettingsError

DEFAULT_SCOPE = "default"
CONDITIONS = ("instance", "site", "zone", "sensor", "vlan", "subnet")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Range = tuple[int, int, int]
"""IP version, first and last address of a subnet as integers."""


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """One ``[[scope]]`` rule. Every condition that is given must hold; of several values of one condition, any may.

    ``site``, ``zone`` and ``sensor`` compare with the vendor's words exactly as it sends them.
    """

    name: str
    instances: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    vlans: tuple[str, ...] = ()
    subnets: tuple[Network, ...] = ()
    ranges: tuple[_Range, ...] = ()
    """``subnets`` as integers, worked out once."""

    @classmethod
    def parse(cls, name: str, when: Mapping[str, Any] | None = None) -> ScopeRule:
        """A rule from its written form; raises ``SettingsError`` naming the condition that is wrong."""
        when = when or {}
        for condition in when:
            if condition not in CONDITIONS:
                raise SettingsError(
                    f"scope {name!r}: when.{condition}: unknown condition; known: {', '.join(CONDITIONS)}"
                )
        subnets = tuple(_network(name, text) for text in _texts(name, "subnet", when.get("subnet")))
        return cls(
            name=name,
            instances=_texts(name, "instance", when.get("instance")),
            sites=_texts(name, "site", when.get("site")),
            zones=_texts(name, "zone", when.get("zone")),
            sensors=_texts(name, "sensor", when.get("sensor")),
            vlans=_texts(name, "vlan", when.get("vlan")),
            subnets=subnets,
            ranges=tuple((n.version, int(n.network_address), int(n.broadcast_address)) for n in subnets),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as it travels to a worker: ``{"name": …, "when": {condition: [values]}}``."""
        values: dict[str, tuple[str, ...]] = {
            "instance": self.instances,
            "site": self.sites,
            "zone": self.zones,
            "sensor": self.sensors,
            "vlan": self.vlans,
            "subnet": tuple(str(network) for network in self.subnets),
        }
        return {"name": self.name, "when": {key: list(value) for key, value in values.items() if value}}

    def matches(
        self,
        instance: str,
        site: str | None,
        zone: str | None,
        sensor: str | None,
        vlan: str | int | None,
        ip: str | None,
    ) -> bool:
        """Whether every condition holds. A condition on something that is not known does not hold."""
        return (
            (not self.instances or instance in self.instances)
            and (not self.sites or site in self.sites)
            and (not self.zones or zone in self.zones)
            and (not self.sensors or sensor in self.sensors)
            and (not self.vlans or (vlan is not None and str(vlan) in self.vlans))
            and (not self.ranges or _within(ip, self.ranges))
        )


def scope_of(
    rules: Iterable[ScopeRule],
    instance: str,
    site: str | None = None,
    zone: str | None = None,
    sensor: str | None = None,
    vlan: str | int | None = None,
    ip: str | None = None,
) -> str:
    """Name of the scope an interface belongs to: the first rule that matches, else ``default``."""
    for rule in rules:
        if rule.matches(instance, site, zone, sensor, vlan, ip):
            return rule.name
    return DEFAULT_SCOPE


def scope_finder(rules: Sequence[ScopeRule], instance: str, *, remember: int = 65_536) -> Callable[..., str]:
    """``scope_of`` bound to one instance, for the hot path: ``finder(site, zone, sensor, vlan, ip) -> name``.

    Rules of other instances are left out once, and the last ``remember`` answers are kept.
    """
    mine = tuple(rule for rule in rules if not rule.instances or instance in rule.instances)
    by_address = any(rule.ranges for rule in mine)

    @lru_cache(maxsize=remember)
    def find(site: str | None, zone: str | None, sensor: str | None, vlan: str | int | None, ip: str | None) -> str:
        return scope_of(mine, instance, site, zone, sensor, vlan, ip)

    def finder(
        site: str | None = None,
        zone: str | None = None,
        sensor: str | None = None,
        vlan: str | int | None = None,
        ip: str | None = None,
    ) -> str:
        # Without a subnet rule the address cannot matter; leaving it out keeps the cache small.
        return find(site, zone, sensor, vlan, ip if by_address else None) if mine else DEFAULT_SCOPE

    return finder


def _texts(name: str, condition: str, value: Any) -> tuple[str, ...]:
    """The values of a condition as text; one value may stand without its list."""
    if value is None:
        return ()
    values = value if isinstance(value, list | tuple) else (value,)
    number_allowed = condition == "vlan"
    for item in values:
        if not (isinstance(item, str) and item) and not (
            number_allowed and isinstance(item, int) and not isinstance(item, bool)
        ):
            kind = "a number or text" if number_allowed else "text"
            raise SettingsError(f"scope {name!r}: when.{condition}: must be {kind}, or a list of them")
    if not values:
        raise SettingsError(f"scope {name!r}: when.{condition}: is empty, so the rule could never match")
    return tuple(str(item) for item in values)


def _network(name: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(
            f'scope {name!r}: when.subnet: not a subnet; write it as "192.168.1.0/24" or "fd00::/48"'
        ) from None
    raise SettingsError(f'scope {name!r}: when.subnet: has bits set beyond its prefix; did you mean "{loose}"?')


def _within(ip: str | None, ranges: tuple[_Range, ...]) -> bool:
    if not ip:
        return False
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    number = int(address)
    return any(version == address.version and first <= number <= last for version, first, last in ranges)


__all__ = ["CONDITIONS", "DEFAULT_SCOPE", "ScopeRule", "scope_finder", "scope_of"]
