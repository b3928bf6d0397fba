"""Cyber observables: addresses, names, software, accounts, files, processes, traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._grammar import is_dictionary_key, is_hash
from isthmus_sdk.stix._ids import drawn_id, sco_id, value_id
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.core import (
    SPEC,
    Origin,
    Referent,
    Shape,
    checked,
    gather,
    given,
    id_of,
    notes_of,
    objects_of,
)
from isthmus_sdk.stix._shapes.reading import flag, listed, mapping, noted, said, whole
from isthmus_sdk.stix._time import both_ends


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
    """An observable with its deterministic id; what is ``None`` or empty is left out. Raises `RecordError` if invalid."""
    kept = given(**properties)
    if not kept:
        raise RecordError(f"{type}: without any property it says nothing")
    return checked({"type": type, "spec_version": SPEC, "id": sco_id(type, kept), **kept})


def program(software: Software | str, notes: list[str] | None = None, where: str = "software") -> Json | None:
    """The software observable, ``None`` where even the name says nothing. What is broken is left out and noted."""
    told = (
        (software.name, software.vendor, software.version, software.cpe)
        if isinstance(software, Software)
        else (software,)
    )
    try:
        made, errors = _program(*told) if all(map(_is_brief, told)) else _program.__wrapped__(*told)
    except (RecordError, TypeError) as error:
        made, errors = None, (str(error) if isinstance(error, RecordError) else "name: expected text",)
    for wrong in errors:
        if notes is None:
            raise RecordError(f"{where}: {wrong}")
        notes.append(f"{where}.{wrong}")
    return None if made is None else made.copy()


def _is_brief(value: object) -> bool:
    """Whether a value is worth a place in a cache: texts without end are not."""
    return not isinstance(value, str) or len(value) < 512


@lru_cache(maxsize=4_096)
def _program(
    name: Any, vendor: Any = None, version: Any = None, cpe: Any = None
) -> tuple[Json | None, tuple[str, ...]]:
    """The observable and what is wrong with its parts. Cached: the same few programs run on many assets."""
    notes: list[str] = []
    title = noted(normalise.text, name, "name", notes)
    if not title:
        return None, tuple(notes)
    made = observable(
        "software",
        name=title,
        cpe=noted(normalise.cpe, cpe, "cpe", notes),
        vendor=noted(normalise.text, vendor, "vendor", notes),
        version=noted(normalise.text, version, "version", notes),
    )
    return made, tuple(notes)


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
        """url. Its scheme and host are written in lower case; defanged ones are armed again."""
        return Shape(checked(of_value("url", _said(normalise.url(value), value, "URL"))))

    def email_address(self, value: str, *, display_name: str | None = None) -> Shape:
        """email-addr, also from ``Ann <ann@x.example>``; the domain in lower case."""
        made = of_value("email-addr", _said(normalise.email(value), value, "e-mail address"))
        return Shape(checked({**made, **given(display_name=said("display_name", display_name))}))

    def software(
        self, name: str, *, vendor: str | None = None, version: str | None = None, cpe: str | None = None
    ) -> Shape:
        """software; ``cpe`` may be of version 2.2 or 2.3."""
        made = program(Software(name, vendor, version, cpe))
        if made is None:
            raise RecordError(f"software name {shown(name)} says nothing")
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
        name, realm = said("login", login), said("domain", domain)
        made = observable(
            "user-account",
            user_id=said("user_id", user_id),
            account_login=f"{realm}\\{name}" if name and realm and "\\" not in name else name,
            account_type=said("account_type", account_type),
            display_name=said("display_name", display_name),
            is_privileged=flag("is_privileged", is_privileged),
            is_disabled=flag("is_disabled", is_disabled),
            is_service_account=flag("is_service_account", is_service_account),
            account_last_login=self.time(last_login),
            account_created=self.time(created),
        )
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
        """file, with its ``directory`` where that path is given.

        ``hashes`` by algorithm, in any spelling (``sha256``, ``SHA-256``, ``sha_256``); one that is not as long as its
        algorithm wants is left out and noted. ``size`` in bytes. Raises `RecordError` without a name and a hash.
        """
        notes: list[str] = []
        sums = hashes_of(hashes, notes)
        title, path = said("name", name), said("directory", directory)
        if not title and not sums:
            raise RecordError("; ".join(["a file needs a name or a hash", *notes]))
        folder = [observable("directory", path=path)] if path else []
        made = observable(
            "file",
            name=title,
            hashes=sums,
            size=whole("size", size),
            mime_type=said("mime_type", mime_type),
            parent_directory_ref=folder[0]["id"] if folder else None,
            extensions=mapping("extensions", extensions),
        )
        return Shape(made, [*folder, made], notes)

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
        properties = given(
            pid=whole("pid", pid),
            command_line=said("command_line", command_line),
            cwd=said("cwd", cwd),
            created_time=self.time(created),
            image_ref=id_of(image, "image", ("file",)) if image else None,
            creator_user_ref=id_of(user, "user", ("user-account",)) if user else None,
            parent_ref=id_of(parent, "parent", ("process",)) if parent else None,
        )
        if not properties.keys() - {"created_time"}:
            raise RecordError("a process needs more than a time: its pid, command line, image, user or parent")
        made = checked({"type": "process", "spec_version": SPEC, "id": drawn_id("process", key), **properties})
        along = [objects_of(each) for each in (image, user, parent) if each]
        return Shape(made, gather(*along, [made]), notes_of(image, user, parent))

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
        began, ended = both_ends(self.time(start), self.time(end)) if end is not None else (self.time(start), None)
        made = observable(
            "network-traffic",
            src_ref=id_of(source, "source", _ENDS) if source else None,
            dst_ref=id_of(target, "target", _ENDS) if target else None,
            src_port=normalise.port(source_port),
            dst_port=normalise.port(target_port),
            protocols=[name for each in listed("protocols", protocols) if (name := normalise.protocol(each))],
            start=began,
            end=ended,
            is_active=False if ended else None,
            src_byte_count=whole("bytes_out", bytes_out),
            dst_byte_count=whole("bytes_in", bytes_in),
            src_packets=whole("packets_out", packets_out),
            dst_packets=whole("packets_in", packets_in),
        )
        along = [objects_of(each) for each in (source, target) if each]
        return Shape(made, gather(*along, [made]), notes_of(source, target))


_ENDS = ("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name")
_ALGORITHMS = {
    name.replace("-", ""): name
    for name in ("MD5", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "SHA3-512", "SSDEEP", "TLSH")
}


def hashes_of(hashes: object, notes: list[str]) -> dict[str, str]:
    """Hashes under the names of hash-algorithm-ov, hexadecimal in lower case; those that cannot be are noted."""
    made = {}
    for name, value in mapping("hashes", hashes).items():
        found = noted(normalise.text, value, f"hashes.{name}", notes)
        if not found:
            continue
        algorithm = _ALGORITHMS.get(name.upper().replace("-", "").replace("_", "").replace(" ", ""), name.strip())
        if algorithm not in ("SSDEEP", "TLSH"):
            found = found.lower()
        if not is_hash(algorithm, found) or not is_dictionary_key(algorithm):
            notes.append(f"hashes.{name}: {shown(found)} is not a hash of this kind")
        else:
            made[algorithm] = found
    return made


def _said(value: str | None, raw: object, what: str) -> str:
    if value is None:
        raise RecordError(f"{shown(raw)} says nothing: no {what}")
    return value
