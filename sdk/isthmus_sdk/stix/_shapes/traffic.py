"""Communications: who talks to whom, as one relationship per pair whatever the number of flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix import normalise
from isthmus_sdk.stix._extensions import COMMUNICATION
from isthmus_sdk.stix._json import Json
from isthmus_sdk.stix._merge import set_span, unite_services, unite_windows
from isthmus_sdk.stix._normal.words import shown
from isthmus_sdk.stix._shapes.core import Origin, Referent, Shape, end_of, gather, given, notes_of, objects_of
from isthmus_sdk.stix._shapes.reading import listed, mapping, said, whole
from isthmus_sdk.stix._time import both_ends


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
        start, end = end_of(source, "source"), end_of(target, "target")
        first, last = both_ends(self.time(first_seen), self.time(last_seen))
        began, changed = self.versions(None, modified, first)
        windows = [window] if isinstance(window, Mapping) else listed("window", window)
        known = given(
            services=unite_services([_service(each) for each in listed("services", services)], None),
            first_seen=first,
            last_seen=last,
            sensor=said("sensor", sensor),
            windows=unite_windows([self._window(each) for each in windows], None),
        )
        edge = self.edge("communicates-with", start, end, began, changed)
        edge["extensions"] = {COMMUNICATION: {"extension_type": "property-extension", **known}}
        set_span(edge, known)
        return Shape(edge, gather(objects_of(source), objects_of(target), [edge]), notes_of(source, target))

    def _window(self, window: Mapping[str, Any]) -> Json:
        made: Json = {}
        for name, value in mapping("window", window).items():
            if name == "start":
                made[name] = self.time(value)
            elif name == "part":
                made[name] = said("window.part", value)
            elif name in _COUNTERS:
                made[name] = whole(f"window.{name}", value, 1 if name == "seconds" else 0)
            else:
                raise RecordError(f"window: {shown(name)} is not one of start, part, {', '.join(_COUNTERS)}")
        if not made.get("start") or not made.get("seconds"):
            raise RecordError("window: a time window needs its start and how many seconds it lasts")
        return given(**made)


_COUNTERS = ("seconds", "connections", "bytes_out", "bytes_in", "packets_out", "packets_in", "late", "overflow")


def _service(service: Service) -> Json:
    if not isinstance(service, Service):
        raise RecordError(f"services: expected a Service, found {shown(service)}")
    codes = {
        whole("services.function_codes", code) for code in listed("services.function_codes", service.function_codes)
    }
    return given(
        protocol=normalise.protocol(service.protocol) or "unknown",
        transport=normalise.protocol(service.transport),
        port=normalise.port(service.port),
        function_codes=sorted(code for code in codes if code is not None),
    )
