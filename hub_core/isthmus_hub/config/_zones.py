"""Zones, conduits and owners: what an organisation says of its own networks (IEC 62443-3-2)."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from isthmus_hub.config._kinds import OneOrMore, Section, Text, Vlan

Level = Literal["0", "1", "2", "3", "3.5", "4", "5"]


def _texts(value: object) -> tuple[str, ...]:
    written = value if isinstance(value, list | tuple) else (value,)
    if not written or not all(isinstance(one, str | int) and not isinstance(one, bool) and str(one) for one in written):
        raise ValueError("must be a text, or a list of texts")
    return tuple(str(one) for one in written)


def _subnets(value: object) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one)) for one in _texts(value))
    except ValueError as error:
        raise ValueError(f'must be a subnet such as "192.168.1.0/24", or a list of them: {error}') from None


def _service(value: str) -> str:
    """``protocol``, ``protocol/port``, ``tcp/port`` or ``udp/port``, lower case."""
    name, _, port = value.strip().lower().partition("/")
    if not name or (port and not (port.isdecimal() and 0 < int(port) < 65_536)) or value.strip().endswith("/"):
        raise ValueError('must be a protocol such as "modbus", or with a port, as "https/443" or "tcp/502"')
    return f"{name}/{int(port)}" if port else name


Texts = Annotated[OneOrMore, AfterValidator(_texts)]
Service = Annotated[str, AfterValidator(_service)]


class PlaceConditions(Section):
    """``when = { … }`` of a zone or an owner: every condition that is given must hold; a list means any of its values.

    ``scope`` and ``subnet`` must hold for one and the same address of the asset.
    """

    instance: Texts | None = None
    """A connector instance that knows the asset."""
    site: Texts | None = None
    """The vendor's site, exactly as the vendor writes it."""
    zone: Texts | None = None
    """A zone: of a zone, the vendor's; of an owner, the one the asset is in."""
    scope: Texts | None = None
    """Address scope of one of its addresses."""
    subnet: Annotated[OneOrMore, AfterValidator(_subnets)] | None = None
    """Subnet of one of its addresses, such as `"192.168.1.0/24"`."""
    vlan: Annotated[Vlan, AfterValidator(_texts)] | None = None
    """VLAN of one of its interfaces."""
    label: Texts | None = None
    """A label, such as `"tag:crown-jewel"`."""
    asset_class: Texts | None = Field(default=None, alias="class")
    """Asset class, such as `"plc"`."""
    technology: Texts | None = None
    """`"ot"`, `"it"`, `"iot"` or `"iomt"`."""
    level: Texts | None = None
    """Purdue level, such as `"2"`."""

    def model_post_init(self, _: Any) -> None:
        if not self.model_fields_set:
            raise ValueError("needs at least one condition")


class ZoneConfig(Section):
    """``[[zone]]``: assets with the same security requirements. The first match wins; the rest keep their vendors' zones."""

    name: Text
    """Name of the zone."""
    when: PlaceConditions
    """Conditions on the asset."""
    level: Level | None = None
    """Purdue level of what is in it; it overrides what vendors infer."""
    technology: Literal["ot", "it", "iot", "iomt"] | None = None
    """What kind of network it is: bridges between OT and IT are found by it. Without it: `ot` up to level 3, else `it`."""
    security_level: Annotated[int, Field(ge=0, le=4)] | None = None
    """Target security level (SL-T) of IEC 62443-3-3."""
    owner: Text | None = None
    """Team that owns what is in it, where no `[[owner]]` says otherwise."""


class ConduitConfig(Section):
    """``[[conduit]]``: who may begin to talk to whom. Where there is one, traffic between zones without one is a violation."""

    source: Text = Field(alias="from")
    """Zone that begins; `"*"` is every zone, `"external"` what lies outside."""
    target: Text = Field(alias="to")
    """Zone that is talked to, likewise."""
    services: tuple[Service, ...] = ()
    """What may be spoken, such as `["https/443", "modbus"]`. Without it: anything."""


class OwnerConfig(Section):
    """``[[owner]]``: the team that owns assets. The first match wins."""

    name: Text
    """Name of the team."""
    when: PlaceConditions
    """Conditions on the asset."""


__all__ = ["ConduitConfig", "OwnerConfig", "PlaceConditions", "ZoneConfig"]
