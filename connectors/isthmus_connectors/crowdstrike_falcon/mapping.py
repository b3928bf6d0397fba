"""Falcon's records as STIX. Pure: the same record always gives the same objects; nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isthmus_connectors.crowdstrike_falcon.models import Alert, App, Host, ParentProcess, Vulnerability
from isthmus_sdk import stix as core
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Interface, Reference, Rule, Shape, Subject, normalise

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
_STATUSES = {"new": "open", "reopened": "open", "in_progress": "acknowledged", "closed": "closed"}
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
    first = core.earliest(alert.first_at, alert.at, alert.created)
    if first is None:
        raise RecordError("the alert has no time", path="timestamp")
    aid = alert.agent_id or (alert.device.device_id if alert.device else None)
    notes: list[str] = []
    subjects = [Subject(stix.asset_id(aid), "host")] if aid else []
    user = _user(alert, stix)
    shape = stix.alert(
        alert.composite_id,
        title=alert.display_name or alert.name or alert.composite_id,
        description=alert.description,
        severity=_severity(alert),
        vendor_severity=alert.severity_name or alert.severity,
        status=_STATUSES.get((alert.status or "").lower().replace(" ", "_")),
        vendor_status=_vendor_status(alert),
        category=alert.type,
        rule=Rule(alert.pattern_id, alert.display_name or alert.name) if alert.pattern_id else None,
        first_seen=first,
        last_seen=core.latest(first, alert.last_at, alert.at),
        modified=alert.updated,
        sensor=stix.system(PRODUCT),
        subjects=[*subjects, Subject(user, "user")] if user else subjects,
        observables=list(_evidence(alert, aid, user, notes, stix)),
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
    """The adapter by which the host reaches the cloud, and the one that holds its local address where that is another."""
    pairs = ((host.mac_address, host.local_ip), (host.connection_mac_address, host.connection_ip))
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


def _references(alert: Alert) -> list[Reference]:
    found = [Reference(PRODUCT, url=link)] if (link := says(normalise.url, alert.link)) else []
    resource = alert.resource_id
    return [*found, Reference(alert.cloud_provider or "cloud", external_id=resource)] if resource else found


def _user(alert: Alert, stix: Builder) -> Shape | None:
    if not alert.user_name:
        return None
    kind = "windows-domain" if alert.logon_domain else None
    return stix.user_account(alert.user_name, domain=alert.logon_domain, user_id=alert.user_id, account_type=kind)


def _evidence(alert: Alert, aid: str | None, user: Shape | None, notes: list[str], stix: Builder) -> Iterator[Shape]:
    """The process or file that the alert is about, addresses, and the indicator that matched."""
    image = _file(alert.filename, alert.filepath, alert.sha256, alert.sha1, alert.md5, stix)
    if alert.process_id and (alert.cmdline or alert.local_process_id is not None or image):
        yield stix.process(
            f"{aid or alert.composite_id}:{alert.process_id}",
            pid=alert.local_process_id,
            command_line=alert.cmdline,
            created=alert.process_started,
            image=image,
            user=user,
            parent=_parent(alert.parent, aid or alert.composite_id, stix),
        )
    elif image:
        yield image
    for text in (*alert.source_ips, *(each.remote_address for each in alert.accesses)):
        if address := says(normalise.ip, text):
            yield stix.ip(address)
    matched = _matched(alert, stix)
    if matched is not None:
        yield matched
    elif alert.ioc_type and alert.ioc_value:
        notes.append(f"ioc_value: {alert.ioc_value[:80]!r} is no {alert.ioc_type[:40]}")


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


def _matched(alert: Alert, stix: Builder) -> Shape | None:
    """The value of the indicator that matched, by its type."""
    kind, value = (alert.ioc_type or "").lower(), alert.ioc_value
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
