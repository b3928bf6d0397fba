"""Falcon's records as STIX. Pure: the same record always gives the same objects; nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isthmus_connectors.crowdstrike_falcon import parties
from isthmus_connectors.crowdstrike_falcon.models import Alert, App, Host, ParentProcess, Vulnerability
from isthmus_sdk import stix as core
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Interface, Reference, Rule, Shape, normalise

PRODUCT = "CrowdStrike Falcon"
_CLASSES = {
    "domain controller": "domain-controller",
    "server": "server",
    "workstation": "workstation",
    "mobile": "mobile",
    "pod": "container",
    "kubernetes pod": "container",
}
_LAPTOPS = ("laptop", "notebook", "portable", "convertible", "sub notebook")
_STATUSES = {
    "new": "open", "reopened": "open", "in_progress": "acknowledged", "closed": "closed",
    "true_positive": "closed", "false_positive": "closed", "ignored": "closed",
}  # fmt: skip
_NAMED_AFTER_THEIR_HOST = "automated-lead"
"""Alerts whose name is a host and a time: it is no name of what they all follow."""
_STATES = {"open": "open", "reopen": "open", "expired": "open", "closed": "resolved"}
_LIKELIHOODS = {"confirmed": "confirmed", "potential": "possible"}
_DEFAULT_SITE = "default-first-site-name"
"""What every Active Directory calls its first site: it says nothing."""


def host_to_stix(host: Host, stix: Builder) -> Iterator[Any]:
    """A host with the adapters that the sensor reports. A hidden one is still there, and says so."""
    yield stix.asset(
        host.device_id,
        name=host.hostname or host.device_id,
        asset_class=_asset_class(host),
        hostname=says(normalise.hostname, host.hostname),
        vendor=host.system_manufacturer,
        model=host.system_product_name,
        serial=host.serial_number,
        os=" ".join(part for part in (host.os_version or host.platform_name, host.os_build) if part) or None,
        interfaces=_interfaces(host),
        site=_site(host),
        identifiers=[("agent_id", host.device_id), ("cloud_id", host.instance_id)],
        first_seen=host.first_seen,
        last_seen=host.last_seen,
        created=host.first_seen,
        modified=host.modified,
        labels=_labels(host),
    )


def alert_to_stix(alert: Alert, stix: Builder) -> Iterator[Any]:
    """An alert of any Falcon product with its evidence. Its later states are versions of the same objects."""
    if not alert.model_fields_set - {"composite_id"}:
        raise Ignored("an id alone; what it stands for comes with the entities")
    first = core.earliest(alert.first_at, alert.started, alert.at, alert.created)
    if first is None:
        raise RecordError("the alert has no time", path="timestamp")
    notes: list[str] = []
    shape = stix.alert(
        alert.composite_id,
        title=alert.display_name or alert.name or alert.composite_id,
        description=alert.description,
        severity=_severity(alert),
        vendor_severity=alert.severity_name or alert.severity,
        status=_STATUSES.get((alert.status or "").lower().replace(" ", "_")),
        vendor_status=_vendor_status(alert),
        category=alert.type,
        rule=_rule(alert),
        first_seen=first,
        last_seen=core.latest(first, alert.last_at, alert.ended, alert.at),
        modified=alert.updated,
        sensor=stix.system(PRODUCT),
        subjects=parties.subjects(alert, stix),
        observables=list(_evidence(alert, notes, stix)),
        techniques=_techniques(alert),
        references=_references(alert),
    )
    yield Shape(shape.object, shape, [*shape.notes, *notes])


def vulnerability_to_stix(found: Vulnerability, stix: Builder) -> Iterator[Any]:
    """A CVE on a host, which is known by its id alone, and the products it is in."""
    name = (found.cve.id if found.cve else None) or found.vulnerability_id
    if name is None:
        raise RecordError("the row names no vulnerability", path="cve.id")
    asset = stix.asset_id(found.aid)
    for app in found.apps:
        if title := app.product or app.product_version:
            product = stix.software(title, vendor=app.vendor, version=_version(app))
            yield product
            yield stix.relationship("consists-of", asset, product.id)
    remedies = found.remediation.entities if found.remediation else []
    yield stix.exposure(
        asset,
        name,
        state=_state(found),
        likelihood=_likelihood(found),
        cvss=_score(found.cve.base_score) if found.cve else None,
        kev=_kev(found),
        first_seen=found.created,
        last_seen=core.latest(found.created, found.closed, found.updated),
        modified=core.latest(found.updated, found.closed),
        description=found.cve.description if found.cve else None,
        fix="; ".join(dict.fromkeys(text for each in remedies if (text := each.action or each.title))) or None,
    )


def _asset_class(host: Host) -> str | None:
    kind = (host.product_type_desc or "").lower()
    if kind == "workstation" and (host.chassis_type_desc or "").lower() in _LAPTOPS:
        return "laptop"
    return _CLASSES.get(kind) or ("mobile" if (host.platform_name or "").lower() in ("ios", "android") else None)


def _site(host: Host) -> str | None:
    return None if (host.site_name or "").lower() == _DEFAULT_SITE else host.site_name


def _interfaces(host: Host) -> list[Interface]:
    """The adapter by which the host reaches the cloud, and the one that holds its local address where that is another.

    A connection under the external address is the gateway's; where it is the host's own, it is the local address, too.
    """
    reaches = None if host.connection_ip == host.external_ip else host.connection_ip
    pairs = ((host.mac_address, host.local_ip), (host.connection_mac_address, reaches))
    adapters: dict[str, dict[str, None]] = {}
    for mac, ip in pairs:
        own, address = says(normalise.adapter_mac, mac), says(normalise.ip, ip)
        if own or address:
            adapters.setdefault(own or "", {}).update({address: None} if address else {})
    return [Interface(mac=mac or None, ips=tuple(ips), site=_site(host)) for mac, ips in adapters.items()]


def _labels(host: Host) -> list[str]:
    """Whether the sensor really works here, and what an operator did to the host."""
    labels = [f"tag:{tag}" for tag in host.tags] + [f"group:{group}" for group in host.groups]
    labels += [f"status:{host.status.lower()}"] if host.status else []
    labels += [f"domain:{host.machine_domain.lower()}"] if host.machine_domain else []
    labels += ["hidden"] if (host.host_hidden_status or "").lower() == "hidden" else []
    return [*labels, "reduced-functionality"] if (host.reduced_functionality_mode or "").lower() == "yes" else labels


def _techniques(alert: Alert) -> list[str]:
    named = (alert.technique_id, *(each.technique_id for each in alert.mitre_attack))
    return list(dict.fromkeys(name for name in named if name))


def _severity(alert: Alert) -> int | None:
    if alert.severity is not None and 0 <= alert.severity <= 100:
        return alert.severity
    return says(normalise.severity, alert.severity_name)


def _vendor_status(alert: Alert) -> str | None:
    """The product's word, with what it came to and whether the console still shows it."""
    more = [alert.resolution] if alert.resolution else []
    more += ["hidden"] if alert.shown is False else []
    return ", ".join([*([alert.status] if alert.status else []), *more]) or None


def _rule(alert: Alert) -> Rule | None:
    """The pattern; of Next-Gen SIEM, whose alerts all have one pattern, the customer's own rule."""
    name = alert.display_name or alert.name
    if alert.correlation_rule:
        return Rule(alert.correlation_rule, name)
    if not alert.pattern_id:
        return None
    return Rule(alert.pattern_id, "Automated lead" if alert.type == _NAMED_AFTER_THEIR_HOST else name)


def _references(alert: Alert) -> list[Reference]:
    link, policy, resource = says(normalise.url, alert.link), alert.idp_policy_rule_name, alert.resource_id
    return [
        *([Reference(PRODUCT, url=link)] if link else []),
        *([Reference("crowdstrike-identity-policy", external_id=policy)] if policy else []),
        *([Reference(alert.cloud_provider or "cloud", external_id=resource)] if resource else []),
    ]


def _evidence(alert: Alert, notes: list[str], stix: Builder) -> Iterator[Shape]:
    """The process or file that the alert is about, addresses and names, and the indicators that matched."""
    owner = alert.aid or alert.composite_id
    image = _file(alert.filename, alert.filepath, alert.sha256, alert.sha1, alert.md5, stix)
    if alert.process_id and (alert.cmdline or alert.local_process_id is not None or image):
        yield stix.process(
            f"{owner}:{alert.process_id}",
            pid=alert.local_process_id,
            command_line=alert.cmdline,
            created=alert.process_started,
            image=image,
            user=next((made for role, made in parties.accounts(alert, stix) if role == "user"), None),
            parent=_parent(alert.parent, owner, stix),
        )
    elif image:
        yield image
    yield from parties.met(alert, stix)
    told = {alert.sha256, alert.sha1, alert.md5}
    others = ((each.ioc_type, each.ioc_value) for each in alert.matched if each.ioc_value not in told)
    for kind, value in dict.fromkeys(((alert.ioc_type, alert.ioc_value), *others)):
        if made := _matched(kind, value, stix):
            yield made
        elif kind and value:
            notes.append(f"ioc_value: {value[:80]!r} is no {kind[:40]}")


def _parent(parent: ParentProcess | None, owner: str, stix: Builder) -> Shape | None:
    if parent is None or not parent.process_id:
        return None
    image = _file(parent.filename, parent.filepath, parent.sha256, None, parent.md5, stix)
    if not (image or parent.cmdline or parent.local_process_id is not None):
        return None
    return stix.process(
        f"{owner}:{parent.process_id}", pid=parent.local_process_id, command_line=parent.cmdline, image=image
    )


def _file(
    name: str | None, path: str | None, sha256: str | None, sha1: str | None, md5: str | None, stix: Builder
) -> Shape | None:
    """The file; a hash of zeros stands for one that the sensor did not compute."""
    told = {"SHA-256": sha256, "SHA-1": sha1, "MD5": md5}
    hashes = {kind: value for kind, value in told.items() if value and value.strip("0")}
    folder = path.rpartition("\\" if "\\" in path else "/")[0] if path else None
    title = name or (path.rpartition("\\" if "\\" in path else "/")[2] if path else None)
    if not title and not hashes:
        return None
    return says(lambda _: stix.file(title, hashes=hashes, directory=folder or None), path)


def _matched(kind: str | None, value: str | None, stix: Builder) -> Shape | None:
    """The value of the indicator that matched, by its type."""
    kind = (kind or "").lower()
    if not value:
        return None
    if kind == "domain":
        return says(stix.domain, value)
    if kind in ("ipv4", "ipv6", "ip", "ip_address"):
        return says(stix.ip, value)
    if kind.startswith("hash_"):
        return says(lambda hash: stix.file(hashes={kind.removeprefix("hash_"): hash}), value)
    return None


def _state(found: Vulnerability) -> str:
    if found.suppression and found.suppression.is_suppressed:
        return "accepted"
    state = _STATES.get((found.status or "").lower())
    if state is None:
        raise RecordError(f"{(found.status or 'no status')[:40]!r} is no state of a vulnerability", path="status")
    return state


def _likelihood(found: Vulnerability) -> str | None:
    """An expired finding was open when the host was last there; whether it still is, nobody knows."""
    if (found.status or "").lower() == "expired":
        return "possible"
    return _LIKELIHOODS.get((found.confidence or "").lower())


def _kev(found: Vulnerability) -> bool | None:
    if found.cve is None:
        return None
    return found.cve.kev if found.cve.cisa is None or found.cve.cisa.is_cisa_kev is None else found.cve.cisa.is_cisa_kev


def _score(score: float | None) -> float | None:
    """CVSS base score; nought stands for one that nobody gave yet."""
    return score if score and 0 < score <= 10 else None


def _version(app: App) -> str | None:
    """What follows the name of the product: "Chrome 131.0.1" of "Chrome" is 131.0.1."""
    if not app.product or not app.product_version:
        return None
    head, _, tail = app.product_version.rpartition(" ")
    return tail if head and any(sign.isdigit() for sign in tail) else None
