"""Okta's records: only the fields that the mapping uses, with the values that orgs really send."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from isthmus_sdk.fields import Flag, Many, Moment, NativeId, Text, Texts

_M = TypeVar("_M", bound=BaseModel)


def _object(value: Any) -> Any:
    """Okta writes null for an object that has nothing to say."""
    return {} if value is None or value == "" else value


def _word(value: Any) -> Any:
    """A detail is a text in most events, and in some an object or a list, which is read as its JSON."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list | bool) else value


def _empty(kind: type[_M]) -> Callable[[], _M]:
    """What an object is that a record does not have."""
    return lambda: kind.model_validate({})


Nested = BeforeValidator(_object)


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Profile(_Record):
    """A user's ``profile``: the fields that every org has."""

    login: Text = None
    email: Text = None
    second_email: Text = Field(None, alias="secondEmail")
    first_name: Text = Field(None, alias="firstName")
    last_name: Text = Field(None, alias="lastName")
    display_name: Text = Field(None, alias="displayName")
    title: Text = None
    user_type: Text = Field(None, alias="userType")
    department: Text = None
    organization: Text = None
    employee_number: Text = Field(None, alias="employeeNumber")


class Provider(_Record):
    """Who checks a user's password: Okta itself, a directory, another identity provider."""

    type: Text = None
    name: Text = None


class Credentials(_Record):
    """A user's ``credentials``; secrets are never in it."""

    provider: Annotated[Provider, Nested] = Field(default_factory=_empty(Provider))


class User(_Record):
    """A row of ``/api/v1/users``."""

    id: NativeId
    status: Text = None
    created: Moment = None
    last_login: Moment = Field(None, alias="lastLogin")
    last_updated: Moment = Field(None, alias="lastUpdated")
    profile: Annotated[Profile, Nested] = Field(default_factory=_empty(Profile))
    credentials: Annotated[Credentials, Nested] = Field(default_factory=_empty(Credentials))


class GroupProfile(_Record):
    """A group's ``profile``; that of a directory's group has its names there, too."""

    name: Text = None
    description: Text = None
    distinguished_name: Text = Field(None, alias="dn")
    object_sid: Text = Field(None, alias="objectSid")


class Group(_Record):
    """A row of ``/api/v1/groups``, with the ids of its members."""

    id: NativeId
    type: Text = None
    created: Moment = None
    last_updated: Moment = Field(None, alias="lastUpdated")
    last_membership_updated: Moment = Field(None, alias="lastMembershipUpdated")
    profile: Annotated[GroupProfile, Nested] = Field(default_factory=_empty(GroupProfile))
    members: Texts = ()


class DeviceProfile(_Record):
    """A device's ``profile``."""

    display_name: Text = Field(None, alias="displayName")
    platform: Text = None
    manufacturer: Text = None
    model: Text = None
    os_version: Text = Field(None, alias="osVersion")
    serial_number: Text = Field(None, alias="serialNumber")
    imei: Text = None
    udid: Text = None
    sid: Text = None
    registered: Flag = None


class Holder(_Record):
    """A user in the short form in which a device names its users."""

    id: Text = None


class DeviceUser(_Record):
    """One row of a device's ``_embedded.users``."""

    user: Annotated[Holder, Nested] = Field(default_factory=_empty(Holder))


class Embedded(_Record):
    """What a device brings along where it is asked to."""

    users: Annotated[list[DeviceUser], Many] = Field(default_factory=list)


class Device(_Record):
    """A row of ``/api/v1/devices``."""

    id: NativeId
    status: Text = None
    created: Moment = None
    last_updated: Moment = Field(None, alias="lastUpdated")
    profile: Annotated[DeviceProfile, Nested] = Field(default_factory=_empty(DeviceProfile))
    embedded: Annotated[Embedded, Nested] = Field(default_factory=_empty(Embedded), alias="_embedded")


class Actor(_Record):
    """Who did it: a user, an application, Okta itself, an address."""

    id: Text = None
    type: Text = None
    alternate_id: Text = Field(None, alias="alternateId")


class Target(Actor):
    """To whom or what it was done: a user, a group, an application, a rule, ..."""

    display_name: Text = Field(None, alias="displayName")


class Client(_Record):
    """From where a request came, as Okta saw it."""

    ip: Text = Field(None, alias="ipAddress")
    zone: Text = None


class EventDevice(_Record):
    """The registered device that a request came from; what it is, its own stream tells."""

    id: Text = None


class Outcome(_Record):
    """How it ended."""

    result: Text = None
    reason: Text = None


class Security(_Record):
    """What Okta knows of the client's network."""

    is_proxy: Flag = Field(None, alias="isProxy")


Word = Annotated[Text, BeforeValidator(_word)]


class Details(_Record):
    """``debugData``: details by name, which differ between kinds of events; those that say what Okta made of the request."""

    risk: Word = None
    risk_level: Word = Field(None, validation_alias=AliasChoices("riskLevel", "Risk"))
    security: Word = Field(None, alias="logOnlySecurityData")
    suspected: Word = Field(None, alias="threatSuspected")
    behaviors: Word = None
    factor: Word = None


class Debug(_Record):
    """``debugContext``."""

    data: Annotated[Details, Nested] = Field(default_factory=_empty(Details), alias="debugData")


class Hop(_Record):
    """One address of the chain of proxies that a request came through."""

    ip: Text = None


class Requested(_Record):
    """The request behind an event."""

    chain: Annotated[list[Hop], Many] = Field(default_factory=list, alias="ipChain")


class Authentication(_Record):
    """The session that an event belongs to."""

    session: Text = Field(None, alias="externalSessionId")


class Event(_Record):
    """A row of ``/api/v1/logs``."""

    uuid: NativeId
    published: Moment = None
    event_type: Text = Field(None, alias="eventType")
    message: Text = Field(None, alias="displayMessage")
    severity: Text = None
    actor: Annotated[Actor, Nested] = Field(default_factory=_empty(Actor))
    client: Annotated[Client, Nested] = Field(default_factory=_empty(Client))
    device: Annotated[EventDevice, Nested] = Field(default_factory=_empty(EventDevice))
    outcome: Annotated[Outcome, Nested] = Field(default_factory=_empty(Outcome))
    security: Annotated[Security, Nested] = Field(default_factory=_empty(Security), alias="securityContext")
    debug: Annotated[Debug, Nested] = Field(default_factory=_empty(Debug), alias="debugContext")
    request: Annotated[Requested, Nested] = Field(default_factory=_empty(Requested))
    authentication: Annotated[Authentication, Nested] = Field(
        default_factory=_empty(Authentication), alias="authenticationContext"
    )
    targets: Annotated[list[Target], Many] = Field(default_factory=list, alias="target")
