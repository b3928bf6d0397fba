"""Every value of every attribute of an asset, who says it, and why one of them is believed; as people and programs read it."""

from __future__ import annotations

from typing import Any

from isthmus_hub.assets._attributes import ORDERS, Orders, Said, choose
from isthmus_hub.assets._retelling import member_of
from isthmus_hub.store import Store


def believed(store: Store, asset: str, orders: Orders) -> list[dict[str, Any]]:
    """Attributes that somebody states: ``name``, ``value``, ``source`` (instances), ``at``, ``why``, ``others``.

    ``at`` is when the vendor says it changed, ``null`` where it does not say. ``why``: see `Choice`.
    """
    records = [member_of(store, id).said for id in sorted(store.members(asset))]
    found = [(name, choose(name, records, orders)) for name in ORDERS]
    return [
        {
            "name": name,
            **_said(name, choice.said),
            "why": choice.why,
            "others": [_said(name, one) for one in choice.others],
        }
        for name, choice in found
        if choice is not None
    ]


def _said(name: str, said: Said) -> dict[str, Any]:
    return {"value": said.facts[name], "source": list(said.instances), "at": said.changed or None}
