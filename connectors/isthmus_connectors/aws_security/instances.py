"""EC2 instances as assets, whoever tells of them: AWS Config, GuardDuty, Security Hub. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from isthmus_connectors.aws_security.models import Instance, InstanceDetails, NetworkInterface
from isthmus_sdk.stix import Builder, Interface, Shape, Software

INSTANCE: Final = re.compile(r"^(?:arn:aws[a-z-]*:ec2:([a-z0-9-]*):([0-9]*):instance/)?(i-[0-9A-Za-z]+)$")
"""An instance by its id or ARN: region and account where the ARN has them, and the id."""
_PUBLIC: Final = "public"
"""Where public addresses are unique: not in the VPC, whose zone they would else have."""


def instance_to_stix(instance: Instance, stix: Builder) -> Shape:
    """An EC2 instance: its account and region are the site, its VPC the zone in which its addresses are unique."""
    return machine(
        instance.resource_id,
        instance.configuration,
        stix,
        region=instance.aws_region,
        account=instance.account_id,
        arn=instance.arn,
        tags={tag.key: tag.value for tag in (*instance.tags, *instance.configuration.tags) if tag.key and tag.value},
        created=instance.resource_creation_time,
        modified=instance.captured,
    )


def known_machine(
    id: str,
    stix: Builder,
    *,
    region: str | None,
    account: str | None,
    name: str | None = None,
    arn: str | None = None,
    vpc: str | None = None,
    addresses: Iterable[str] = (),
) -> Shape:
    """An instance that something names which does not describe it."""
    ips, site = list(addresses), site_of(account, region)
    return stix.asset(
        id,
        name=name or id,
        asset_class="virtual-machine",
        technology="it",
        interfaces=[Interface(ips=ips, site=site, zone=vpc)] if ips else [],
        site=site,
        zone=vpc,
        identifiers=[("cloud_id", id), ("cloud_arn", arn), ("cloud_account", account)],
    )


def site_of(account: str | None, region: str | None) -> str | None:
    """Account and region: where in the cloud something is."""
    return "/".join(part for part in (account, region) if part) or None


def machine(
    id: str,
    details: InstanceDetails,
    stix: Builder,
    *,
    region: str | None,
    account: str | None,
    tags: dict[str, str],
    arn: str | None = None,
    created: str | None = None,
    modified: str | None = None,
) -> Shape:
    """An instance as EC2 describes it."""
    site = site_of(account, region)
    vpc = details.vpc_id or next((card.vpc_id for card in details.network_interfaces if card.vpc_id), None)
    cards = [made for card in details.network_interfaces for made in _card(card, site)]
    told = {ip for made in cards for ip in made.ips}
    alone = [ip for ip in (details.private_ip_address,) if ip and ip not in told]
    public = [ip for ip in (details.public_ip_address,) if ip and ip not in told]
    system = details.platform_details or details.platform
    state = details.state.name
    return stix.asset(
        id,
        name=tags.get("Name") or id,
        asset_class="virtual-machine",
        technology="it",
        hostname=details.private_dns_name,
        vendor="Amazon",
        model=details.instance_type,
        os=Software(system) if system else None,
        interfaces=[
            *cards,
            *([Interface(ips=alone, site=site, zone=vpc)] if alone else []),
            *([Interface(ips=public, site=site, zone=_PUBLIC)] if public else []),
        ],
        site=site,
        zone=vpc,
        identifiers=[("cloud_id", id), ("cloud_arn", arn), ("cloud_account", account)],
        created=created,
        modified=modified,
        labels=[f"state:{state}"] if state else [],
    )


def _card(card: NetworkInterface, site: str | None) -> Iterator[Interface]:
    """Private addresses are unique in their VPC, public ones everywhere: two interfaces of one card."""
    own = [card.private_ip_address, *(row.private_ip_address for row in card.private_ip_addresses)]
    inside = list(dict.fromkeys(ip for ip in (*own, *(row.ipv6_address for row in card.ipv6_addresses)) if ip))
    if inside or card.mac_address:
        yield Interface(card.mac_address, inside, card.network_interface_id, site=site, zone=card.vpc_id)
    if outside := card.association.public_ip or card.public_ip:
        yield Interface(ips=[outside], name=card.network_interface_id, site=site, zone=_PUBLIC)
