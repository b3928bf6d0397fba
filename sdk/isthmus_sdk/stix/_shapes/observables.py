"""Cyber observables: addresses, names, software, accounts, files, processes, traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._ids import drawn_id, sco_id, value_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._shapes.core import SPEC, Origin, Referent, Shape, gather, given, id_of, objects_of
from isthmus_sdk.stix._vendor_time import timestamp


class Software(msgspec.Struct, frozen=True):
    """A program, an operating system or a firmware."""

    name: str
    vendor: str | None = None
    version: str | None = None
    cpe: str | None = None


def address(value: str) -> Json:
    """The ipv4-addr or ipv6-addr of a normalised address."""
    return of_value("ipv6-addr" if ":" in value else "ipv4-addr", value)


def of_value(type: str, value: str) -> Json:
    """An observable whose one property is its value."""
    return {"type": type, "spec_version": SPEC, "id": value_id(type, value), "value": value}


def observable(type: str, **properties: Any) -> Json:
    """An observable with its deterministic id; what is ``None`` or empty is left out."""
    kept = given(**properties)
    return {"type": type, "spec_version": SPEC, "id": sco_id(type, kept), **kept}


def program(software: Software | str, notes: list[str] | None = None, where: str = "software") -> Json | None:
    """The software observable, ``None`` where even the name says nothing. A broken CPE is left out and noted."""
    if isinstance(software, str):
        made, error = _program(software, None, None, None)
    else:
        made, error = _program(software.name, software.vendor, software.version, software.cpe)
    if error:
        if notes is None:
            raise RecordError(error)
        notes.append(f"{where}.cpe: {error}")
    return None if made is None else made.copy()


@lru_cache(maxsize=4_096)
def _program(name: Any, vendor: Any, version: Any, cpe: Any) -> tuple[Json | None, str]:
    """The observable and what is wrong with its CPE. Cached: the same few programs run on many assets."""
    title, broken = normalise.text(name), ""
    if not title:
        return None, ""
    try:
        cpe = normalise.cpe(cpe)
    except RecordError as error:
        cpe, broken = None, str(error)
    made = observable("software", name=title, cpe=cpe, vendor=normalise.text(vendor), version=normalise.text(version))
    return made, broken


class ObservableShapes(Origin):
    """Constructors of single observables. Each raises `RecordError` for a value that is broken or says nothing."""

    def ip(self, value: object) -> Shape:
        """ipv4-addr or ipv6-addr."""
        return Shape(address(_said(normalise.ip(value), value, "IP address")))

    def mac(self, value: object) -> Shape:
        """mac-addr."""
        return Shape(of_value("mac-addr", _said(normalise.mac(value), value, "MAC address")))

    def domain(self, value: object) -> Shape:
        """domain-name."""
        return Shape(of_value("domain-name", _said(normalise.domain(value), value, "domain name")))

    def url(self, value: str) -> Shape:
        """url."""
        return Shape(of_value("url", _said(normalise.text(value), value, "URL")))

    def email_address(self, value: str, *, display_name: str | None = None) -> Shape:
        """email-addr."""
        made = of_value("email-addr", _said(normalise.text(value), value, "e-mail address"))
        return Shape({**made, **given(display_name=display_name)})

    def software(
        self, name: str, *, vendor: str | None = None, version: str | None = None, cpe: str | None = None
    ) -> Shape:
        """software; ``cpe`` may be of version 2.2 or 2.3."""
        made = program(Software(name, vendor, version, cpe))
        if made is None:
            raise RecordError(f"software name {name!r} says nothing")
        return Shape(made)

    def user_account(
        self,
        login: str | None = None,
        *,
        domain: str | None = None,
        user_id: object = None,
        account_type: str | None = None,
        display_name: str | None = None,
        is_privileged: bool | None = None,
        is_disabled: bool | None = None,
        is_service_account: bool | None = None,
        last_login: object = None,
        created: object = None,
    ) -> Shape:
        """user-account.

        ``account_type`` from account-type-ov where it fits (``windows-domain``, ``unix``, ``ldap``, ...).

        With a ``domain`` the login is written ``DOMAIN\\login``: the same name in two domains is two accounts.
        """
        name, realm = normalise.text(login), normalise.text(domain)
        made = observable(
            "user-account",
            user_id=normalise.text(user_id),
            account_login=f"{realm}\\{name}" if name and realm and "\\" not in name else name,
            account_type=account_type,
            display_name=normalise.text(display_name),
            is_privileged=is_privileged,
            is_disabled=is_disabled,
            is_service_account=is_service_account,
            account_last_login=timestamp(last_login),
            account_created=timestamp(created),
        )
        if len(made) == 3:
            raise RecordError("a user account without any property says nothing")
        return Shape(made)

    def file(
        self,
        name: str | None = None,
        *,
        hashes: Mapping[str, str | None] | None = None,
        size: int | None = None,
        directory: str | None = None,
        mime_type: str | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> Shape:
        """file, with its ``directory`` where that path is given. ``hashes`` by algorithm, in any spelling."""
        sums = _hashes(hashes or {})
        if not name and not sums:
            raise RecordError("a file needs a name or a hash")
        folder = [observable("directory", path=directory)] if directory else []
        made = observable(
            "file",
            name=name,
            hashes=sums,
            size=size,
            mime_type=mime_type,
            parent_directory_ref=folder[0]["id"] if folder else None,
            extensions=dict(extensions or {}),
        )
        return Shape(made, [*folder, made])

    def process(
        self,
        native_id: object,
        *,
        pid: int | None = None,
        command_line: str | None = None,
        cwd: str | None = None,
        created: object = None,
        image: Referent | None = None,
        user: Referent | None = None,
        parent: Referent | None = None,
    ) -> Shape:
        """process.

        The standard gives processes no contributing properties: the id is drawn from the source's native id.
        """
        key = {
            "connector": self.connector,
            "native_id": self.native_key(native_id, "process"),
            "source_id": self.source_id,
        }
        made = {"type": "process", "spec_version": SPEC, "id": drawn_id("process", key)} | given(
            pid=pid,
            command_line=command_line,
            cwd=cwd,
            created_time=timestamp(created),
            image_ref=id_of(image) if image else None,
            creator_user_ref=id_of(user) if user else None,
            parent_ref=id_of(parent) if parent else None,
        )
        if len(made) == 3:
            raise RecordError("a process without any property says nothing")
        along = [objects_of(each) for each in (image, user, parent) if each]
        return Shape(made, gather(*along, [made]))

    def traffic(
        self,
        source: Referent | None,
        target: Referent | None,
        protocols: Iterable[str],
        *,
        source_port: int | None = None,
        target_port: int | None = None,
        start: object = None,
        end: object = None,
        bytes_out: int | None = None,
        bytes_in: int | None = None,
        packets_out: int | None = None,
        packets_in: int | None = None,
    ) -> Shape:
        """network-traffic:

        One flow, lowest protocol first (``["ipv4", "tcp", "modbus"]``). Ends are address observables.
        """
        ended = timestamp(end)
        made = observable(
            "network-traffic",
            src_ref=id_of(source) if source else None,
            dst_ref=id_of(target) if target else None,
            src_port=source_port,
            dst_port=target_port,
            protocols=[name.strip().lower() for name in protocols],
            start=timestamp(start),
            end=ended,
            is_active=False if ended else None,
            src_byte_count=bytes_out,
            dst_byte_count=bytes_in,
            src_packets=packets_out,
            dst_packets=packets_in,
        )
        along = [objects_of(each) for each in (source, target) if each]
        return Shape(made, gather(*along, [made]))


_ALGORITHMS = {
    name.replace("-", ""): name
    for name in ("MD5", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "SHA3-512", "SSDEEP", "TLSH")
}


def _hashes(hashes: Mapping[str, str | None]) -> dict[str, str]:
    """Hashes under the names of hash-algorithm-ov, hexadecimal in lower case."""
    made = {}
    for name, value in hashes.items():
        if normalise.says_nothing(value) or value is None:
            continue
        algorithm = _ALGORITHMS.get(name.upper().replace("-", "").replace("_", ""), name)
        made[algorithm] = value.strip() if algorithm in ("SSDEEP", "TLSH") else value.strip().lower()
    return made


def _said(value: str | None, raw: object, what: str) -> str:
    if value is None:
        raise RecordError(f"{raw!r} says nothing: no {what}")
    return value
