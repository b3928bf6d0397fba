"""Okta's users, groups and devices as STIX. Pure: the same record always gives the same objects; nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isthmus_connectors.okta.models import Device, Group, User
from isthmus_sdk.stix import Builder, Reference, Shape, Software

_DISABLED = {"DEPROVISIONED": True, "SUSPENDED": True, "ACTIVE": False, "RECOVERY": False, "PASSWORD_EXPIRED": False}
"""States in which nobody can sign in until an administrator acts. A locked account opens by itself, and one that is staged
or provisioned has not been used yet: neither is said to be disabled or not."""
_PLATFORMS = {"WINDOWS": "Windows", "MACOS": "macOS", "IOS": "iOS", "ANDROID": "Android", "CHROMEOS": "ChromeOS"}
_MOBILE = frozenset({"IOS", "ANDROID"})


def user_to_stix(user: User, stix: Builder) -> Iterator[Any]:
    """A person and the account that is theirs. A new state or name is a newer version of the same objects."""
    profile = user.profile
    full = " ".join(part for part in (profile.first_name, profile.last_name) if part)
    name = profile.display_name or full or profile.login or profile.email or user.id
    person = stix.identity(
        name,
        identity_class="individual",
        native_id=user.id,
        roles=[profile.title] if profile.title else [],
        contact=profile.email or profile.second_email,
        labels=_labels(user),
        references=[Reference("employee-number", external_id=profile.employee_number)]
        if profile.employee_number
        else [],
        created=user.created,
        modified=user.last_updated,
    )
    account = stix.user_account(
        profile.login,
        user_id=user.id,
        display_name=name,
        is_disabled=_DISABLED.get((user.status or "").upper()),
        is_service_account=True if (profile.user_type or "").lower() in ("service", "service account") else None,
        last_login=user.last_login,
        created=user.created,
    )
    yield stix.member(person, account)


def group_to_stix(group: Group, stix: Builder) -> Iterator[Any]:
    """A group and its members, which are known by their ids: the users come with their own stream."""
    profile = group.profile
    references = [Reference("active-directory", external_id=profile.object_sid)] if profile.object_sid else []
    made = stix.identity(
        profile.name or group.id,
        identity_class="group",
        native_id=group.id,
        description=profile.description or profile.distinguished_name,
        labels=[f"type:{group.type.lower()}"] if group.type else [],
        references=references,
        created=group.created,
        modified=group.last_updated,
    )
    yield made
    for member in group.members:
        person = stix.identity_id(member, "individual")
        yield stix.member(made, person, modified=group.last_membership_updated)


def device_to_stix(device: Device, stix: Builder) -> Iterator[Any]:
    """A registered device and who uses it. Okta knows its platform, not whether it is a laptop or a desktop."""
    profile = device.profile
    platform = (profile.platform or "").upper()
    system = _PLATFORMS.get(platform, profile.platform)
    shape = stix.asset(
        device.id,
        name=profile.display_name or device.id,
        asset_class="mobile" if platform in _MOBILE else "endpoint" if platform in _PLATFORMS else None,
        technology="it",
        hostname=profile.display_name if platform == "WINDOWS" else None,
        vendor=profile.manufacturer,
        model=profile.model,
        serial=profile.serial_number,
        os=Software(system, version=profile.os_version) if system else None,
        identifiers=[
            ("agent_id", device.id),
            ("imei", profile.imei),
            ("hardware_id", profile.udid),
            ("directory_sid", profile.sid),
        ],
        monitored_by=["Okta Verify"] if profile.registered else [],
        created=device.created,
        modified=device.last_updated,
        labels=[f"status:{device.status.lower()}"] if device.status else [],
    )
    yield shape
    for row in device.embedded.users:
        if row.user.id:
            person = stix.identity_id(row.user.id, "individual")
            yield stix.relationship("related-to", shape.id, person, description="used by")


def account(id: str | None, login: str | None, stix: Builder) -> Shape | None:
    """The account as events name it: the same object that the users' stream gives, without what only that one knows."""
    return stix.user_account(login, user_id=id) if id or login else None


def _labels(user: User) -> list[str]:
    """State and place of a person, for those who read without our words."""
    profile = user.profile
    told = (
        ("status", user.status), ("type", profile.user_type), ("department", profile.department),
        ("organization", profile.organization), ("provider", user.credentials.provider.type),
        ("provider-name", user.credentials.provider.name),
    )  # fmt: skip
    return [f"{name}:{value.lower()}" for name, value in told if value]
