"""Whom an alert is about: hosts, accounts, and names and addresses of what has no sensor."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus_connectors.crowdstrike_falcon.models import Alert
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Shape, Subject, normalise


def subjects(alert: Alert, stix: Builder) -> list[Subject]:
    """Hosts by their sensors, the source of an identity alert also by its address alone, and accounts."""
    return [*_hosts(alert, stix), *(Subject(made, role) for role, made in accounts(alert, stix))]


def _hosts(alert: Alert, stix: Builder) -> Iterator[Subject]:
    if alert.source_sensor:
        yield Subject(stix.asset_id(alert.source_sensor), "source")
    elif not alert.aid and (address := says(normalise.ip, alert.source_ip)):
        yield Subject(stix.endpoint(address, hostname=says(normalise.hostname, alert.source_host)), "source")
    if alert.target_sensor:
        yield Subject(stix.asset_id(alert.target_sensor), "target")
    if alert.aid and alert.aid not in (alert.source_sensor, alert.target_sensor):
        yield Subject(stix.asset_id(alert.aid), "host")


def accounts(alert: Alert, stix: Builder) -> list[tuple[str, Shape]]:
    """The account that acted first, with the domain and SID that identity alerts have elsewhere; then whose it was done to."""
    # Alerts of a cloud have the cloud's own name of the customer there, which is no account.
    source = alert.source_account if (alert.type or "").startswith("idp") else None
    same = source is None or _plain(alert.user_name) in (None, _plain(source))
    domain = alert.logon_domain or (alert.source_domain if same else None)
    own = _account(alert.user_name or source, domain, alert.user_id or (alert.source_id if same else None), stix)
    named = [
        own,
        None if same else _account(source, alert.source_domain, alert.source_id, stix),
        *(_account(name, None, None, stix) for name in ([] if own else alert.user_names)),
    ]
    target = _account(alert.target_account, alert.target_domain, alert.target_id, stix)
    return [("user", made) for made in named if made] + ([("target", target)] if target else [])


def met(alert: Alert, stix: Builder) -> Iterator[Shape]:
    """Addresses of both sides, and full names of hosts that no sensor is on."""
    texts = (
        *alert.source_ips,
        *alert.destination_ips,
        alert.source_ip,
        *(each.remote_address for each in alert.accesses),
    )
    for text in dict.fromkeys(texts):
        if address := says(normalise.ip, text):
            yield stix.ip(address)
    names = [] if alert.aid else [*alert.source_hosts, *alert.destination_hosts, *alert.host_names]
    names += [name for name in (alert.target_host,) if name and not alert.target_sensor]
    for name in dict.fromkeys(names):
        if "." in name and says(normalise.ip, name) is None and (made := says(stix.domain, name)):
            yield made


def _account(name: str | None, domain: str | None, id: str | None, stix: Builder) -> Shape | None:
    if not name:
        return None
    return stix.user_account(name, domain=domain, user_id=id, account_type="windows-domain" if domain else None)


def _plain(name: str | None) -> str | None:
    """A login as it is in both of its spellings: ``DOMAIN\\login`` and ``login``, in any case."""
    return name.rpartition("\\")[2].lower() if name else None
