"""Which IP addresses may be contacted. Asked at connect time about the address actually used, after name resolution."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Services that hand out a machine's own cloud credentials. Link-local ones are covered by range; these are not.
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "fd00:ec2::254",  # AWS, IPv6
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud
        "168.63.129.16",  # Azure host agent
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")


def refusal(address: IPAddress, *, configured: bool) -> str | None:
    """Why ``address`` may not be contacted, or ``None``.

    Link-local (with the metadata services), multicast, reserved and unspecified addresses are never contacted.
    Loopback and private networks are where OT appliances live: they are allowed for origins that the operator
    configured, and only for those.
    """
    for form in _forms(address):
        reason = _never(form)
        if reason:
            return reason
        if not configured:
            if form.is_loopback:
                return "a loopback address"
            if not form.is_global and not _is_carrier_of_ipv4(form):
                return "a private address"
    return None


def _never(address: IPAddress) -> str | None:
    if address in _METADATA:
        return "a cloud metadata address"
    if address.is_link_local:
        return "a link-local (cloud metadata) address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or (address.version == 4 and address in _THIS_NETWORK):
        return "an unspecified address"
    if address.version == 4 and address.is_reserved:
        return "a reserved or broadcast address"
    return None


def _forms(address: IPAddress) -> Iterator[IPAddress]:
    """The address and the IPv4 addresses that it carries inside (mapped, 6to4, Teredo, NAT64, compatible)."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 0xFFFF):
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


def _is_carrier_of_ipv4(address: IPAddress) -> bool:
    # The form inside decides; ipaddress calls the carrier itself "not global".
    return isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped is not None or address in _NAT64)


__all__ = ["IPAddress", "refusal"]
