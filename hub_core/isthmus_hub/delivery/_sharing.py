"""What may leave for a platform: the TLP ceiling, for an object and for what it would give away of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from isthmus_sdk import stix
from isthmus_sdk.errors import SettingsError
from isthmus_sdk.platform import Dropped

DEFAULT_CEILING = "green"
_ENDPOINTS = {"relationship": ("source_ref", "target_ref"), "sighting": ("sighting_of_ref",)}
Lookup = Callable[[str], dict[str, Any] | None]


class Sharing:
    """The sharing policy of one platform.

    ``ceiling`` is the most restrictive TLP the platform may see (``max_tlp``). ``lookup`` finds resolved objects by id,
    ``references`` follows an id to the one the hub now uses.
    """

    def __init__(self, ceiling: str, lookup: Lookup, references: Callable[[str], str]) -> None:
        if ceiling not in stix.TLP_ORDER:
            raise SettingsError(f"max_tlp {ceiling!r} is not one of {', '.join(stix.TLP_ORDER)}")
        self._allowed = frozenset(stix.TLP_ORDER[: stix.TLP_ORDER.index(ceiling) + 1])
        self._lookup = lookup
        self._references = references

    def permits(self, obj: Mapping[str, Any]) -> bool:
        """Whether the most restrictive marking of ``obj`` is within the ceiling; unmarked objects are."""
        level = stix.tlp_of(obj)
        return level is None or level in self._allowed

    def lookup(self, id: str) -> dict[str, Any] | None:
        """A resolved object that the platform may see."""
        found = self._lookup(self._references(id))
        return found if found is not None and self.permits(found) else None

    def apply(self, obj: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """``obj`` with its references rewritten to current ids, and these; raises :class:`Dropped` where it must not go.

        A relationship or sighting is withheld with the object it is about: it names it, and the id of an address is as
        good as the address (STIX derives it from the value).
        """
        if not self.permits(obj):
            raise Dropped("tlp")
        was_loop = obj.get("source_ref") == obj.get("target_ref")
        refs = [ref for _, ref in stix.refs(obj)]
        if not self._of_retired(obj) and any(self._references(ref) != ref for ref in refs):
            obj = stix.rewrite_refs(obj, self._references)
            refs = [ref for _, ref in stix.refs(obj)]
        for name in _ENDPOINTS.get(obj.get("type", ""), ()):
            about = self._lookup(obj[name]) if isinstance(obj.get(name), str) else None
            if about is not None and not self.permits(about):
                raise Dropped("tlp")
        if obj.get("type") == "relationship" and not was_loop and obj.get("source_ref") == obj.get("target_ref"):
            raise Dropped("joins an object with itself since a merge")
        return obj, refs

    def _of_retired(self, obj: Mapping[str, Any]) -> bool:
        """Whether the hub says here which asset has taken the place of a revoked one: that id stays as it is."""
        if obj.get("relationship_type") != "duplicate-of":
            return False
        former = self._lookup(obj["target_ref"])
        return former is not None and former.get("revoked") is True
