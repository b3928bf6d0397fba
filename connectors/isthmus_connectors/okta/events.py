"""The system log as STIX: what is an alert, what an observation, what a change of people, and what is left aside.

The log says how loud an event is (``severity``: DEBUG, INFO, WARN, ERROR), which is about Okta's own running, not about
danger. Which kinds of events are alerts, and how grave they are, is therefore said here, in one table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol

from isthmus_connectors.okta.mapping import account
from isthmus_connectors.okta.models import Event
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Reference, Rule, Shape, Subject, normalise

PRODUCT = "Okta"


class Alarm(NamedTuple):
    """How grave a kind of event is, on 0 to 100, and which ATT&CK techniques it is a sign of."""

    severity: int
    techniques: tuple[str, ...] = ()


ALARMS: dict[str, Alarm] = {
    # Okta itself says that somebody attacks.
    "security.threat.detected": Alarm(70, ("T1110",)),
    "security.attack.start": Alarm(75, ("T1110",)),
    "security.breached_credential.detected": Alarm(75, ("T1078.004",)),
    "security.session.detect_client_roaming": Alarm(70, ("T1550.004",)),
    "security.request.blocked": Alarm(40),
    "user.account.report_suspicious_activity_by_enduser": Alarm(70, ("T1078.004",)),
    "user.risk.detect": Alarm(60, ("T1078.004",)),
    "user.risk.change": Alarm(50, ("T1078.004",)),
    "user.session.context.change": Alarm(50, ("T1550.004",)),
    # Signs of guessing, of stolen factors, of going around them.
    "user.account.lock": Alarm(40, ("T1110",)),
    "user.account.lock.limit": Alarm(50, ("T1110",)),
    "policy.auth_reevaluate.fail": Alarm(50, ("T1550.004",)),
    "security.authenticator.lifecycle.deactivate": Alarm(40, ("T1556.006",)),
    "user.mfa.attempt_bypass": Alarm(75, ("T1556.006",)),
    "user.mfa.okta_verify.deny_push": Alarm(50, ("T1621",)),
    "user.mfa.okta_verify.deny_push_upgraded_app": Alarm(50, ("T1621",)),
    "user.mfa.factor.deactivate": Alarm(40, ("T1556.006",)),
    "user.mfa.factor.suspend": Alarm(40, ("T1556.006",)),
    "user.mfa.factor.reset_all": Alarm(50, ("T1556.006",)),
    "app.generic.unauth_app_access_attempt": Alarm(40, ("T1078.004",)),
    # Somebody becomes mightier, or acts as somebody else.
    "user.account.privilege.grant": Alarm(50, ("T1098.003",)),
    "group.privilege.grant": Alarm(50, ("T1098.003",)),
    "group.application_assignment.privilege.grant": Alarm(50, ("T1098.003",)),
    "iam.resourceset.bindings.add": Alarm(50, ("T1098.003",)),
    "user.session.impersonation.grant": Alarm(50, ("T1078.004",)),
    "user.session.impersonation.initiate": Alarm(60, ("T1078.004",)),
    "system.api_token.create": Alarm(50, ("T1098.001",)),
    # Doors that are opened for later.
    "system.idp.lifecycle.create": Alarm(60, ("T1484.002",)),
    "system.idp.lifecycle.update": Alarm(50, ("T1484.002",)),
    "system.idp.lifecycle.activate": Alarm(50, ("T1484.002",)),
    "zone.create": Alarm(40, ("T1556.009",)),
    "zone.update": Alarm(40, ("T1556.009",)),
    "zone.deactivate": Alarm(50, ("T1556.009",)),
    "zone.delete": Alarm(50, ("T1556.009",)),
    "network_zone.rule.disabled": Alarm(50, ("T1556.009",)),
    "policy.lifecycle.deactivate": Alarm(50, ("T1556.009",)),
    "policy.lifecycle.delete": Alarm(50, ("T1556.009",)),
    "policy.lifecycle.update": Alarm(30, ("T1556.009",)),
    "policy.rule.deactivate": Alarm(50, ("T1556.009",)),
    "policy.rule.delete": Alarm(50, ("T1556.009",)),
    "policy.rule.update": Alarm(30, ("T1556.009",)),
    "system.log_stream.lifecycle.deactivate": Alarm(60, ("T1562.008",)),
    "system.log_stream.lifecycle.delete": Alarm(60, ("T1562.008",)),
}
SUSPECTED = Alarm(70, ("T1078.004",))
"""A sign-in of any kind that ThreatInsight suspects, or whose risk Okta calls high."""
PHISHED = Alarm(75, ("T1566.002",))
"""A sign-in that a phishing site relayed: FastPass noticed, and says so in the reason alone."""
ASKED_FOR = Alarm(50)
"""A kind of event that the operator wants as an alert."""
_SIGN_INS = (
    "user.session.start", "user.session.end", "user.session.clear", "user.session.access_admin_app",
    "user.authentication.*", "user.mfa.*", "user.credential.*", "policy.evaluate_sign_on", "device.enrollment.*",
    "device.user.add", "app.oauth2.signon", "application.policy.sign_on.*", "user.account.*",
)  # fmt: skip
"""Sign-ins and what belongs to them: factors, passwords, recovery, devices."""
_DELETED = {"user.lifecycle.delete.completed": ("User", "individual"), "group.lifecycle.delete": ("UserGroup", "group")}
_MEMBERSHIP = frozenset({"group.user_membership.add", "group.user_membership.remove"})
_BY_STREAM = ("user.lifecycle.*", "group.lifecycle.*", "group.profile.update", "user.account.update_profile")
_LEVEL = re.compile(r'"?level"?\s*[=:]\s*"?(LOW|MEDIUM|HIGH)', re.IGNORECASE)
_LEVELS = {"HIGH": 75, "MEDIUM": 50, "LOW": 25}
_MOST_HOPS = 10


class Wanted(Protocol):
    """The settings that the mapping asks for."""

    alert_types: str
    sign_ins: bool


def event_to_stix(event: Event, stix: Builder, settings: Wanted) -> Iterator[Any]:
    """One event: an alert, an observation, a deletion, a change of membership; or left aside with the reason."""
    if event.published is None:
        raise RecordError("the event has no time", path="published")
    if event.event_type is None:
        raise RecordError("the event has no type", path="eventType")
    kind = event.event_type
    if kind in _DELETED:
        yield from _deleted(event, *_DELETED[kind], stix)
    elif kind in _MEMBERSHIP:
        yield from _membership(event, stix)
    elif alarm := _alarm(event, settings):
        yield _alert(event, alarm, stix)
        yield from _ties(event, stix)
    elif any(fnmatchcase(kind, each) for each in _BY_STREAM):
        raise Ignored("a change of a user or group, which the streams users and groups bring")
    elif not any(fnmatchcase(kind, each) for each in _SIGN_INS):
        raise Ignored("neither an alert nor a sign-in nor a change of people")
    elif not settings.sign_ins:
        raise Ignored("a sign-in that raised no alert, and sign_ins is off")
    else:
        yield _observation(event, stix)
        yield from _ties(event, stix)


def _alarm(event: Event, settings: Wanted) -> Alarm | None:
    kind = event.event_type or ""
    risk = _risk(event)
    if kind == "user.risk.change" and risk == "LOW":
        return None  # back to normal
    if (known := ALARMS.get(kind)) is not None:
        return Alarm(_LEVELS[risk], known.techniques) if risk and kind.startswith("user.risk.") else known
    if any(fnmatchcase(kind, each.strip()) for each in settings.alert_types.split(",") if each.strip()):
        return ASKED_FOR
    suspected = (event.debug.data.suspected or "").lower() == "true"
    is_sign_in = any(fnmatchcase(kind, each) for each in _SIGN_INS)
    if is_sign_in and "phishing" in (event.outcome.reason or "").lower():
        return PHISHED
    return SUSPECTED if is_sign_in and (suspected or risk == "HIGH") else None


def _risk(event: Event) -> str | None:
    """The level of risk, which Okta writes in a text of its own: ``{level=HIGH, reasons=Anomalous Device}``."""
    details = event.debug.data
    for told in (details.risk, details.risk_level, details.security):
        text = (told or "")[:4096]
        if text.upper() in _LEVELS:
            return text.upper()
        if found := _LEVEL.search(text):
            return found[1].upper()
    return None


def _alert(event: Event, alarm: Alarm, stix: Builder) -> Shape:
    kind = event.event_type or ""
    actor, client = _actor(event, stix), says(normalise.ip, event.client.ip)
    subjects = [Subject(actor, "user")] if actor else []
    subjects += [Subject(each, "target") for each in _targets(event, stix) if actor is None or each.id != actor.id]
    if client:
        subjects.append(Subject(stix.ip(client), "source"))
    if event.device.id:
        subjects.append(Subject(stix.asset_id(event.device.id), "device"))
    return stix.alert(
        event.uuid,
        title=event.message or kind,
        description=_told(event),
        severity=alarm.severity,
        vendor_severity=event.severity,
        category=kind,
        rule=Rule(f"{kind}:suspected" if alarm is SUSPECTED else f"{kind}:phishing" if alarm is PHISHED else kind),
        first_seen=event.published,
        modified=event.published,
        sensor=stix.system(PRODUCT),
        subjects=subjects,
        observables=_observables(event, stix),
        techniques=alarm.techniques,
        references=_references(event),
    )


def _observation(event: Event, stix: Builder) -> Shape:
    seen = _observables(event, stix)
    if not seen:
        raise Ignored("a sign-in that names neither an account nor an address")
    told = (
        ("event", event.event_type), ("outcome", event.outcome.result), ("reason", event.outcome.reason),
        ("factor", event.debug.data.factor),
    )  # fmt: skip
    labels = [f"{name}:{value.lower()[:200]}" for name, value in told if value]
    return stix.observed(
        seen,
        native_id=event.uuid,
        first_observed=event.published,
        sensor=stix.system(PRODUCT),
        labels=[*labels, "proxy"] if event.security.is_proxy else labels,
        references=[Reference("okta", external_id=event.uuid), *_references(event)],
        created=event.published,
        modified=event.published,
    )


def _ties(event: Event, stix: Builder) -> Iterator[Shape]:
    """Whose the account is, and from which registered device it was used."""
    actor = _actor(event, stix)
    if actor is None or event.actor.id is None:
        return
    yield stix.member(stix.identity_id(event.actor.id, "individual"), actor, modified=event.published)
    if event.device.id:
        device = stix.asset_id(event.device.id)
        yield stix.relationship(
            "related-to", actor, device, description="signed in from", modified=event.published, created=event.published
        )


def _deleted(event: Event, type: str, identity_class: str, stix: Builder) -> Iterator[Shape]:
    """People and groups that are gone for good: Okta gives their ids to nobody else."""
    gone = [each for each in event.targets if each.type == type and each.id]
    if not gone:
        raise Ignored("a deletion that does not say what was deleted")
    for each in gone:
        yield stix.identity(
            each.display_name or each.alternate_id or each.id or "",
            identity_class=identity_class,
            native_id=each.id,
            labels=["status:deleted"],
            created=event.published,
            modified=event.published,
            revoked=True,
        )


def _membership(event: Event, stix: Builder) -> Iterator[Shape]:
    if (event.outcome.result or "SUCCESS").upper() != "SUCCESS":
        raise Ignored("a change of membership that failed")
    groups = [each.id for each in event.targets if each.type == "UserGroup" and each.id]
    people = [each.id for each in event.targets if each.type == "User" and each.id]
    if not groups or not people:
        raise Ignored("a change of membership that names no group or no user")
    begins = (event.event_type or "").endswith(".add")
    for group in groups:
        for person in people:
            yield stix.member(
                stix.identity_id(group, "group"),
                stix.identity_id(person, "individual"),
                start_time=event.published if begins else None,
                stop_time=None if begins else event.published,
                modified=event.published,
            )


def _actor(event: Event, stix: Builder) -> Shape | None:
    return account(event.actor.id, event.actor.alternate_id, stix) if event.actor.type == "User" else None


def _targets(event: Event, stix: Builder) -> list[Shape]:
    users = (each for each in event.targets if each.type == "User")
    return [made for each in users if (made := account(each.id, each.alternate_id, stix))]


def _observables(event: Event, stix: Builder) -> list[Shape]:
    """The accounts and every address of the way that the request took; the client's own first."""
    texts = [event.client.ip, *(hop.ip for hop in event.request.chain[:_MOST_HOPS])]
    addresses = dict.fromkeys(found for text in texts if (found := says(normalise.ip, text)))
    actor = _actor(event, stix)
    accounts = {each.id: each for each in ([actor] if actor else []) + _targets(event, stix)}
    return [*accounts.values(), *map(stix.ip, addresses)]


def _told(event: Event) -> str | None:
    """How it ended and what it was about, for people."""
    outcome = ": ".join(part for part in (event.outcome.result, event.outcome.reason) if part)
    about = ", ".join(
        f"{each.type or 'target'} {each.display_name or each.alternate_id or each.id}"
        for each in event.targets
        if each.display_name or each.alternate_id or each.id
    )
    parts = (outcome, about, f"zone {event.client.zone}" if event.client.zone else "", _risk_told(event))
    return "; ".join(part for part in parts if part)[:2000] or None


def _risk_told(event: Event) -> str:
    details = event.debug.data
    told = (("risk", details.risk), ("behaviors", details.behaviors), ("factor", details.factor))
    return ", ".join(f"{name} {text[:300]}" for name, text in told if text)


def _references(event: Event) -> list[Reference]:
    session = event.authentication.session
    return [Reference("okta-session", external_id=session)] if session else []
