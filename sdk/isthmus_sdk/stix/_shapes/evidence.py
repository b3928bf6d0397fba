"""Observables that findings bring along: registry keys, certificates, mutexes, directories, messages, networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._shapes.core import Origin, Referent, Shape, gather, id_of, notes_of, objects_of
from isthmus_sdk.stix._shapes.observables import hashes_of, observable
from isthmus_sdk.stix._shapes.reading import listed, said, whole

_HIVES = {
    "hklm": "HKEY_LOCAL_MACHINE", "hkcu": "HKEY_CURRENT_USER", "hkcr": "HKEY_CLASSES_ROOT", "hku": "HKEY_USERS",
    "hkcc": "HKEY_CURRENT_CONFIG",
}  # fmt: skip
"""The standard wants the hive's whole name (section 6.17)."""


class EvidenceShapes(Origin):
    """Constructors of single observables. Each raises `RecordError` for a value that is broken or says nothing."""

    def registry_key(self, key: str, *, values: Mapping[str, object] | None = None, modified: object = None) -> Shape:
        """windows-registry-key; hives in full (``HKLM`` becomes ``HKEY_LOCAL_MACHINE``). ``values``: data by name."""
        path = self.native_key(key, "registry key").replace("/", "\\").strip("\\")
        hive, slash, rest = path.partition("\\")
        path = f"{_HIVES.get(hive.lower(), hive)}{slash}{rest}"
        found = [] if values is None else [_registry_value(name, data) for name, data in sorted(_items(values))]
        return Shape(observable("windows-registry-key", key=path, values=found, modified_time=self.time(modified)))

    def certificate(
        self,
        *,
        hashes: Mapping[str, str | None] | None = None,
        serial_number: str | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        not_before: object = None,
        not_after: object = None,
    ) -> Shape:
        """x509-certificate. ``hashes`` as of `file`; ``serial_number`` as text."""
        notes: list[str] = []
        made = observable(
            "x509-certificate",
            hashes=hashes_of(hashes, notes),
            serial_number=said("serial_number", serial_number),
            issuer=said("issuer", issuer),
            subject=said("subject", subject),
            validity_not_before=self.time(not_before),
            validity_not_after=self.time(not_after),
        )
        return Shape(made, (), notes)

    def mutex(self, name: str) -> Shape:
        """mutex."""
        return Shape(observable("mutex", name=said("name", name)))

    def directory(self, path: str) -> Shape:
        """directory, its path as the source writes it."""
        return Shape(observable("directory", path=said("path", path)))

    def autonomous_system(self, number: int | str, *, name: str | None = None) -> Shape:
        """autonomous-system: ``64500``, ``"64500"`` or ``"AS64500"``."""
        bare = number[2:] if isinstance(number, str) and number[:2].upper() == "AS" else number
        found = whole("number", bare, 0, 2**32 - 1)
        if found is None:
            raise RecordError("an autonomous system needs its number")
        return Shape(observable("autonomous-system", number=found, name=said("name", name)))

    def email_message(
        self,
        *,
        subject: str | None = None,
        sender: Referent | None = None,
        recipients: Iterable[Referent] = (),
        body: str | None = None,
        message_id: str | None = None,
        sent: object = None,
    ) -> Shape:
        """email-message of one part. ``sender`` (the From line) and ``recipients`` are email-addr shapes or ids."""
        to = listed("recipients", recipients)
        made = observable(
            "email-message",
            is_multipart=False,
            from_ref=None if sender is None else id_of(sender, "sender", ("email-addr",)),
            to_refs=sorted({id_of(each, "recipients", ("email-addr",)) for each in to}),
            subject=said("subject", subject),
            body=said("body", body),
            message_id=said("message_id", message_id),
            date=self.time(sent),
        )
        along = [objects_of(each) for each in (sender, *to) if each]
        return Shape(made, gather(*along, [made]), notes_of(sender, *to))


def _items(values: object) -> list[tuple[str, object]]:
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise RecordError("values: expected an object of data by name")
    return list(values.items())


def _registry_value(name: str, data: object) -> Json:
    made: Json = {}
    if title := said("values.name", name):
        made["name"] = title
    if (found := said("values.data", data)) is not None:
        made["data"] = found
    return made or {"name": "(Default)"}
