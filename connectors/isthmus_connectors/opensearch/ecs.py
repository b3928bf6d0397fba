"""Resolved STIX objects as documents of the Elastic Common Schema (ECS 8.11).

=======================================  ==========================  ================================================
object                                   index                       main fields
=======================================  ==========================  ================================================
infrastructure of kind asset, endpoint   ``PREFIX-assets``           ``host.*``, ``device.*``, ``isthmus.asset.*``
sighting or incident with alert facts    ``PREFIX-alerts``           ``event.*``, ``rule.*``, ``threat.technique.*``
``has`` a vulnerability; vulnerability   ``PREFIX-vulnerabilities``  ``vulnerability.*``, ``host.*``
``communicates-with``                    ``PREFIX-communications``   ``source.*``, ``destination.*``, ``network.*``
everything else                          ``PREFIX-objects``          ``isthmus.*``
=======================================  ==========================  ================================================

Every document carries the whole object under ``isthmus.stix`` (stored, not indexed), so no projection loses data; what
has no searchable field is named in ``isthmus.not_projected``, and :data:`NOT_PROJECTED` says why.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from isthmus_sdk import stix

ECS_VERSION = "8.11.0"
Json = dict[str, Any]
Lookup = Callable[[str], "Json | None"]

NOT_PROJECTED: Mapping[str, str] = {
    "external_references": "a list of pairs; native ids are in event.id, device.id, ATT&CK ids in threat.technique.id",
    "granular_markings": "ECS marks no single field; the most restrictive marking is in isthmus.tlp",
    "extensions": "an extension that is not ours has no known meaning",
    "infrastructure_types": "said more precisely by isthmus.asset.asset_class",
    "where_sighted_refs": "references have no ECS field; resolved names are in observer.name",
    "observed_data_refs": "replaced by the values of what was observed, in related.*",
    "kill_chain_phases": "ECS has tactics by ATT&CK id only",
    "extensions.asset.members": "who reported the asset is the hub's to answer; ask `isthmus assets show`",
    "extensions.communication.windows": "time series belong in an index of their own; the sums are in network.*",
}
"""Why a property has no searchable field, in the first four projections; a generic object has only the common ones."""

_ALWAYS = frozenset({"type", "spec_version", "id", "created", "modified", "revoked", "labels", "name", "description",
                     "object_marking_refs", "created_by_ref", "confidence", "lang"})  # fmt: skip
_OURS = {stix.ASSET: "asset", stix.ALERT: "alert", stix.EXPOSURE: "exposure", stix.COMMUNICATION: "communication"}


class Reading:
    """One object while it is projected; remembers which properties and facts were read."""

    def __init__(self, obj: Json, extension: str = "") -> None:
        self.obj = obj
        self._extension = extension
        self._facts: Mapping[str, Any] = (stix.facts(obj, extension) or {}) if extension else {}
        self._read: set[str] = set(_ALWAYS)

    def get(self, name: str) -> Any:
        """A property of the object."""
        self._read.add(name)
        return self.obj.get(name)

    def fact(self, name: str) -> Any:
        """A fact of the extension that the projection is about."""
        self._read.add(f"extensions.{_OURS[self._extension]}.{name}")
        return self._facts.get(name)

    def seen(self, *names: str) -> None:
        """Properties whose content the document says by other means."""
        self._read.update(names)

    def left(self) -> list[str]:
        """What was not read, sorted."""
        names = {name for name in self.obj if name != "extensions"}
        for id, facts in self.obj.get("extensions", {}).items():
            known = _OURS.get(id)
            if known is None:
                names.add(f"extensions.{id}")
            else:
                names.update(f"extensions.{known}.{fact}" for fact in facts if fact != "extension_type")
        return sorted(names - self._read)


def project(obj: Json, lookup: Lookup, hub: str = "") -> tuple[str, Json]:
    """Index suffix and document of an object. ``lookup`` finds what it refers to, as far as the platform may see it."""
    kind = obj["type"]
    if kind == "infrastructure" and (stix.facts(obj, stix.ASSET) or {}).get("kind") in ("asset", "endpoint"):
        return "assets", _asset(Reading(obj, stix.ASSET), hub)
    if kind in ("sighting", "incident") and stix.facts(obj, stix.ALERT) is not None:
        return "alerts", _alert(Reading(obj, stix.ALERT), lookup, hub)
    if kind == "relationship" and obj.get("relationship_type") == "communicates-with":
        return "communications", _communication(Reading(obj, stix.COMMUNICATION), lookup, hub)
    if kind == "relationship" and obj.get("relationship_type") == "has":
        target = lookup(obj["target_ref"])
        if stix.facts(obj, stix.EXPOSURE) is not None or (target or {}).get("type") == "vulnerability":
            return "vulnerabilities", _exposure(Reading(obj, stix.EXPOSURE), target, lookup, hub)
    if kind == "vulnerability":
        return "vulnerabilities", _vulnerability(Reading(obj), hub)
    return "objects", _generic(Reading(obj), hub)


def _asset(read: Reading, hub: str) -> Json:
    interfaces = [port for port in read.fact("interfaces") or () if isinstance(port, Mapping)]
    own: Json = {
        name: read.fact(name)
        for name in (
            "kind", "native_id", "source_id", "connector", "asset_class", "technology", "firmware", "purdue_level",
            "level_source", "site", "zone", "vendor_zone", "zones", "owner", "security_level", "criticality", "roles", "monitored_by",
            "first_seen", "last_seen",
        )
    }  # fmt: skip
    own["identifiers"] = [f"{item['kind']}:{item['value']}" for item in read.fact("identifiers") or ()]
    for name, key in (("scopes", "scope"), ("vlans", "vlan"), ("interface_names", "name")):
        own[name] = sorted({str(port[key]) for port in interfaces if port.get(key) is not None})
    addresses = _ips(ip for port in interfaces for ip in port.get("ips", ()))
    document = _common(read, "asset", hub, at=own["last_seen"])
    document["host"] = {
        **_host(read.obj),
        "type": own["asset_class"],
        "os": {"full": read.fact("operating_system")},
    }
    read.seen("extensions.asset.hostname", "extensions.asset.interfaces")
    document["device"] = {
        "id": own["native_id"],
        "manufacturer": read.fact("vendor"),
        "model": {"name": read.fact("model")},
        "serial_number": read.fact("serial"),
    }
    document["related"] = {"ip": addresses, "hosts": _texts(own["kind"] == "asset" and read.obj.get("name"))}
    document["isthmus"]["asset"] = own
    return _finished(read, document)


def _alert(read: Reading, lookup: Lookup, hub: str) -> Json:
    first = read.fact("first_seen") or read.obj.get("first_seen")
    last = read.fact("last_seen") or read.obj.get("last_seen")
    read.seen("first_seen", "last_seen")
    document = _common(read, "alert", hub, at=last or first)
    title = read.fact("title") or read.obj.get("name")
    document["message"] = title
    document["event"].update(
        severity=read.fact("severity"),
        start=first,
        end=last,
        id=read.fact("native_id") or read.obj["id"],
        provider=read.fact("connector"),
        reason=read.obj.get("description"),
    )
    rule = lookup(read.get("sighting_of_ref") or "") or {}
    document["rule"] = {
        "id": next((ref["external_id"] for ref in rule.get("external_references", ()) if "external_id" in ref), None),
        "name": rule.get("name"),
        "description": rule.get("description"),
        "uuid": rule.get("id"),
    }
    document["threat"] = _techniques(read.fact("techniques") or ())
    sensors = [lookup(ref) for ref in read.obj.get("where_sighted_refs", ())]
    document["observer"] = {"name": [sensor["name"] for sensor in sensors if sensor and "name" in sensor]}
    subjects = [(subject, lookup(subject["ref"])) for subject in read.fact("subjects") or ()]
    document["related"] = _related([found for _, found in subjects if found], read.obj, lookup)
    hosts = [found for _, found in subjects if found and found["type"] == "infrastructure"]
    document["host"] = _host(hosts[0]) if hosts else None
    document["isthmus"]["alert"] = {
        **{name: read.fact(name) for name in ("source_id", "status", "vendor_status", "vendor_severity", "category")},
        "count": read.get("count"),
        "subjects": [
            {"id": subject["ref"], "role": subject.get("role"), "name": (found or {}).get("name")}
            for subject, found in subjects
        ],
    }
    return _finished(read, document)


def _exposure(read: Reading, vulnerability: Json | None, lookup: Lookup, hub: str) -> Json:
    document = _common(read, "state", hub, at=read.fact("last_seen"))
    asset = lookup(read.get("source_ref"))
    document["vulnerability"] = {
        **_named(vulnerability or {}),
        "score": {"base": read.fact("cvss")},
        "description": (vulnerability or {}).get("description"),
    }
    document["host"] = _host(asset) if asset else None
    document["related"] = _related([asset] if asset else [], {}, lookup)
    document["isthmus"]["exposure"] = {
        **{
            name: read.fact(name)
            for name in (
                "state",
                "likelihood",
                "epss",
                "kev",
                "fix",
                "first_seen",
                "last_seen",
                "native_id",
                "source_id",
            )
        },
        "asset": read.get("source_ref"),
        "vulnerability": read.get("target_ref"),
    }
    read.seen("relationship_type")
    return _finished(read, document)


def _vulnerability(read: Reading, hub: str) -> Json:
    document = _common(read, "state", hub)
    document["vulnerability"] = {**_named(read.obj), "description": read.obj.get("description")}
    return _finished(read, document)


def _communication(read: Reading, lookup: Lookup, hub: str) -> Json:
    first = read.fact("first_seen") or read.obj.get("start_time")
    last = read.fact("last_seen") or read.obj.get("stop_time")
    read.seen("start_time", "stop_time", "relationship_type")
    services = [service for service in read.fact("services") or () if isinstance(service, Mapping)]
    source, target = lookup(read.get("source_ref")), lookup(read.get("target_ref"))
    windows = read.obj.get("extensions", {}).get(stix.COMMUNICATION, {}).get("windows") or ()
    sums = {key: sum(window.get(key) or 0 for window in windows) for key in _COUNTERS} if windows else {}
    document = _common(read, "state", hub, at=last)
    document["event"].update(category=["network"], type=["connection"], start=first, end=last)
    document["source"] = {**_end(source), "bytes": sums.get("bytes_out"), "packets": sums.get("packets_out")}
    document["destination"] = {
        **_end(target),
        "bytes": sums.get("bytes_in"),
        "packets": sums.get("packets_in"),
        "port": sorted({service["port"] for service in services if "port" in service}),
    }
    document["network"] = {
        "protocol": sorted({service["protocol"] for service in services if "protocol" in service}),
        "transport": sorted({service["transport"] for service in services if "transport" in service}),
        "bytes": sums["bytes_in"] + sums["bytes_out"] if sums else None,
        "packets": sums["packets_in"] + sums["packets_out"] if sums else None,
    }
    document["related"] = _related([end for end in (source, target) if end], {}, lookup)
    document["observer"] = {"name": read.fact("sensor")}
    document["isthmus"]["communication"] = {
        "source": read.get("source_ref"),
        "target": read.get("target_ref"),
        "services": sorted(_service(service) for service in services),
        "function_codes": sorted({code for service in services for code in service.get("function_codes", ())}),
        "connections": sums.get("connections"),
    }
    return _finished(read, document)


def _generic(read: Reading, hub: str) -> Json:
    obj = read.obj
    document = _common(read, "state", hub)
    document["related"] = _related([obj], {}, lambda id: None)
    if obj["type"] == "relationship":
        document["isthmus"]["relationship"] = {
            "type": read.get("relationship_type"),
            "source": read.get("source_ref"),
            "target": read.get("target_ref"),
        }
    if isinstance(obj.get("value"), str):
        document["isthmus"]["value"] = read.get("value")
    return _finished(read, document)


_COUNTERS = ("connections", "bytes_in", "bytes_out", "packets_in", "packets_out")


def _common(read: Reading, kind: str, hub: str, at: str | None = None) -> Json:
    obj = read.obj
    return {
        "@timestamp": at or obj.get("modified") or obj.get("created"),
        "ecs": {"version": ECS_VERSION},
        "event": {"kind": kind, "module": "isthmus", "id": obj["id"], "created": obj.get("created")},
        "labels": {"isthmus_hub": hub},
        "tags": obj.get("labels"),
        "isthmus": {
            "id": obj["id"],
            "type": obj["type"],
            "name": obj.get("name"),
            "description": obj.get("description"),
            "created": obj.get("created"),
            "modified": obj.get("modified"),
            "revoked": bool(obj.get("revoked")),
            "confidence": obj.get("confidence"),
            "tlp": stix.tlp_of(obj),
        },
    }


def _finished(read: Reading, document: Json) -> Json:
    document["isthmus"]["not_projected"] = read.left()
    finished: Json = _without_nothing(document)
    finished["isthmus"]["stix"] = read.obj
    return finished


def _host(asset: Json) -> Json:
    facts = stix.facts(asset, stix.ASSET) or {}
    ports = facts.get("interfaces", ())
    return {
        "id": asset["id"],
        "name": asset.get("name"),
        "hostname": facts.get("hostname"),
        "ip": _ips(ip for port in ports for ip in port.get("ips", ())),
        "mac": sorted({_mac(port["mac"]) for port in ports if port.get("mac")}),
    }


def _end(obj: Json | None) -> Json:
    """One end of a communication: an asset, an endpoint or a bare address."""
    if obj is None:
        return {}
    if obj["type"] != "infrastructure":
        return {"address": obj.get("value"), "ip": _ips([obj.get("value")])}
    host = _host(obj)
    return {"address": obj.get("name"), "ip": host["ip"], "mac": host["mac"]}


def _related(objects: Iterable[Json], alert: Json, lookup: Lookup) -> Json:
    """``related.*``: every address, name, account and hash that an event is about."""
    found = [*objects]
    for ref in alert.get("observed_data_refs", ()):
        seen = lookup(ref)
        found += [obj for obj in map(lookup, (seen or {}).get("object_refs", ())) if obj]
    addresses: list[Any] = []
    hosts: set[str] = set()
    users: set[str] = set()
    hashes: set[str] = set()
    for obj in found:
        kind = obj["type"]
        if kind == "infrastructure":
            host = _host(obj)
            addresses += host["ip"]
            hosts.update(_texts(host["name"], host["hostname"]))
        elif kind in ("ipv4-addr", "ipv6-addr"):
            addresses.append(obj.get("value"))
        elif kind == "domain-name":
            hosts.update(_texts(obj.get("value")))
        elif kind == "user-account":
            users.update(_texts(obj.get("account_login"), obj.get("user_id")))
        elif kind == "file":
            hashes.update(_texts(*obj.get("hashes", {}).values()))
    return {"ip": _ips(addresses), "hosts": sorted(hosts), "user": sorted(users), "hash": sorted(hashes)}


def _named(vulnerability: Json) -> Json:
    references = vulnerability.get("external_references", ())
    cves = [ref["external_id"] for ref in references if ref.get("source_name") == "cve" and "external_id" in ref]
    name = cves[0] if cves else vulnerability.get("name")
    return {"id": name, "enumeration": "CVE" if cves else None, "classification": "CVSS" if cves else None}


def _techniques(ids: Iterable[str]) -> Json | None:
    ids = list(ids)
    if not ids:
        return None
    return {
        "framework": "MITRE ATT&CK",
        "technique": {
            "id": sorted({id.partition(".")[0] for id in ids}),
            "subtechnique": {"id": sorted({id for id in ids if "." in id})},
        },
    }


def _service(service: Mapping[str, Any]) -> str:
    return "/".join(str(service[key]) for key in ("protocol", "transport", "port") if key in service)


def _ips(values: Iterable[Any]) -> list[str]:
    """Addresses that a field of type ``ip`` takes; an address range or a zone index is none."""
    good: set[str] = set()
    for value in values:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            continue
        if not getattr(address, "scope_id", None):
            good.add(str(address))
    return sorted(good)


def _mac(value: str) -> str:
    """The notation of RFC 7042 that ECS asks for."""
    return value.replace(":", "-").upper()


def _texts(*values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str) and value]


def _without_nothing(value: Any) -> Any:
    """The document without empty fields, which would only cost space."""
    if isinstance(value, Mapping):
        kept = {key: _without_nothing(child) for key, child in value.items()}
        return {key: child for key, child in kept.items() if child not in (None, [], {}, "")}
    return value


def version(obj: Mapping[str, Any]) -> int | None:
    """``modified`` in milliseconds since 1970, the external version of a state document; ``None`` for what has none."""
    modified = obj.get("modified")
    if not modified:
        return None
    return (datetime.fromisoformat(modified) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
