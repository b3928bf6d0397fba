"""Communications: who talks to whom, as one relationship per pair whatever the number of flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from isthmus_sdk.stix._extensions import COMMUNICATION
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._merge import set_span, unite_services, unite_windows
from isthmus_sdk.stix._shapes.core import Origin, Referent, Shape, gather, given, id_of, objects_of
from isthmus_sdk.stix._time import both_ends
from isthmus_sdk.stix._vendor_time import timestamp


class Service(msgspec.Struct, frozen=True):
    """What is spoken: application protocol, transport, port of the target, function codes of an OT protocol."""

    protocol: str
    transport: str | None = None
    port: int | None = None
    function_codes: Iterable[int] = ()


class TrafficShapes(Origin):
    """Communications between assets."""

    def communication(
        self,
        source: Referent,
        target: Referent,
        *,
        services: Iterable[Service] = (),
        first_seen: object = None,
        last_seen: object = None,
        window: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None = None,
        sensor: str | None = None,
        modified: object = None,
    ) -> Shape:
        """``communicates-with`` from the asset that opens the connection to the one that answers.

        The id holds both ends and no time. ``window``: counters of one time window (or several): ``start``,
        ``seconds``, ``part``, ``connections``, ``bytes_out``, ``bytes_in``, ``packets_out``, ``packets_in``, ``late``,
        ``overflow``.
        """
        first, last = both_ends(timestamp(first_seen), timestamp(last_seen))
        began, changed = self.versions(None, modified, first)
        windows = [window] if isinstance(window, Mapping) else list(window or ())
        known = given(
            services=unite_services([_service(each) for each in services], None),
            first_seen=first,
            last_seen=last,
            sensor=sensor,
            windows=unite_windows([given(**each) for each in windows], None),
        )
        edge = self.edge("communicates-with", id_of(source), id_of(target), began, changed)
        edge["extensions"] = {COMMUNICATION: {"extension_type": "property-extension", **known}}
        set_span(edge, known)
        return Shape(edge, gather(objects_of(source), objects_of(target), [edge]))


def _service(service: Service) -> Json:
    return given(
        protocol=service.protocol.strip().lower(),
        transport=service.transport.strip().lower() if service.transport else None,
        port=service.port,
        function_codes=sorted(set(service.function_codes)),
    )
