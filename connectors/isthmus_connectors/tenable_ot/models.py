"""Records of Tenable OT Security: only the fields that the mapping uses, with the values that appliances really send."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Flag, Many, Moment, NativeId, Number, Port, Text, Texts


def _connection(value: Any) -> Any:
    """A connection is ``{"nodes": [...]}``; exports and older versions give the list itself."""
    return value if isinstance(value, dict) and "nodes" in value else {"nodes": value}


def _total(value: Any) -> Any:
    """``risk`` is an object; exports give its total alone."""
    return value if isinstance(value, dict) or value is None else {"totalRisk": value}


Wrapped = BeforeValidator(_connection)
T = TypeVar("T")


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Strings(_Record):
    """A connection of texts."""

    nodes: Texts = ()


class Connection(_Record, Generic[T]):
    """A connection of objects."""

    nodes: Annotated[list[T], Many] = Field(default_factory=list)


class Segment(_Record):
    """A network segment that the asset is in; older versions give its id alone."""

    id: Text = None
    name: Text = None
    vlan: Text = None


class Risk(_Record):
    """``risk``: a number that is written as text."""

    total: Number = Field(None, alias="totalRisk")


class System(_Record):
    """``osDetails``."""

    name: Text = None
    version: Text = None


class Backplane(_Record):
    """The rack that a module sits in."""

    id: Text = None
    name: Text = None


class Asset(_Record):
    """A node of ``assets``. What is ``direct`` was seen with the asset itself, the rest reaches it through another one."""

    id: NativeId
    name: Text = None
    type: Text = None
    super_type: Text = Field(None, alias="superType")
    category: Text = None
    vendor: Text = None
    model: Text = Field(None, validation_alias=AliasChoices("model", "modelName"))
    family: Text = None
    firmware: Text = Field(None, alias="firmwareVersion")
    serial: Text = None
    os: Text = None
    system: System | None = Field(None, alias="osDetails")
    purdue_level: Text = Field(None, alias="purdueLevel")
    criticality: Text = None
    hidden: Flag = None
    description: Text = None
    location: Text = None
    slot: Text = None
    backplane: Backplane | None = None
    ips: Annotated[Strings, Wrapped] = Strings()
    macs: Annotated[Strings, Wrapped] = Strings()
    direct_ips: Annotated[Strings, Wrapped] = Field(Strings(), alias="directIps")
    direct_macs: Annotated[Strings, Wrapped] = Field(Strings(), alias="directMacs")
    segments: Annotated[Connection[Segment], Wrapped] = Field(
        Connection[Segment](), validation_alias=AliasChoices("segments", "extendedSegments")
    )
    risk: Annotated[Risk | None, BeforeValidator(_total)] = None
    run_status: Text = Field(None, alias="runStatus")
    first_seen: Moment = Field(None, alias="firstSeen")
    last_seen: Moment = Field(None, alias="lastSeen")


class Known(_Record):
    """An asset by its id."""

    id: NativeId


class Trail(_Record):
    """One address of an interface, and from when to when it had it. No end: it still does."""

    ip: Text = None
    start: Moment = Field(None, alias="startTime")
    end: Moment = Field(None, alias="endTime")
    active: Flag = Field(None, alias="isActive")


class NetworkInterface(_Record):
    """An interface with the history of its addresses."""

    id: NativeId
    mac: Text = None
    first_seen: Moment = Field(None, alias="firstSeen")
    last_seen: Moment = Field(None, alias="lastSeen")
    asset: Known | None = Field(None, alias="directAsset")
    trail: Annotated[Connection[Trail], Wrapped] = Field(Connection[Trail](), alias="ipTrail")


class EventType(_Record):
    """What kind of event it is."""

    type: Text = None
    group: Text = None
    description: Text = None


class Policy(_Record):
    """The policy that was hit."""

    id: Text = None
    title: Text = None


class Event(_Record):
    """A node of ``events``. The same id comes again when somebody resolves the event."""

    id: NativeId
    time: Moment = None
    type: Text = None
    category: Text = None
    severity: Text = None
    comment: Text = None
    resolved: Flag = None
    resolved_at: Moment = Field(None, alias="resolvedTs")
    log_id: Text = Field(None, alias="logId")
    kind: EventType | None = Field(None, alias="eventType")
    policy: Policy | None = None
    source_ip: Text = Field(None, alias="srcIP")
    target_ip: Text = Field(None, alias="dstIP")
    source_mac: Text = Field(None, alias="srcMac")
    target_mac: Text = Field(None, alias="dstMac")
    protocol: Text = None
    protocol_name: Text = Field(None, alias="protocolNiceName")
    port: Port = None
    sources: Annotated[Connection[Known], Wrapped] = Field(Connection[Known](), alias="srcAssets")
    targets: Annotated[Connection[Known], Wrapped] = Field(Connection[Known](), alias="dstAssets")
    source_names: Annotated[Strings, Wrapped] = Field(Strings(), alias="srcNames")
    target_names: Annotated[Strings, Wrapped] = Field(Strings(), alias="dstNames")
    source_interface: NetworkInterface | None = Field(None, alias="srcInterface")
    target_interface: NetworkInterface | None = Field(None, alias="dstInterface")


class Protocol(_Record):
    """A protocol of a link."""

    name: Text = None


class Link(_Record):
    """A node of ``links``: two assets that talked, in no order."""

    id: NativeId
    asset1: Text = None
    asset2: Text = None
    first: Moment = Field(None, alias="firstConv")
    last: Moment = Field(None, alias="lastConv")
    protocols: Annotated[Connection[Protocol], Wrapped] = Connection[Protocol]()
