"""Push resolved objects to a collection of a TAXII 2.1 server.

Source: TAXII 2.1 (OASIS, 10 June 2021), sections 3.3 (API root), 3.5 (media types), 4.3 (status), 5.2 (collection),
5.3 (manifest) and 5.5 (add objects).

The server answers a push with a status resource that names what it took, refused or has not decided. Servers count an
object they already hold as a failure, so a failure is looked up in the manifest: held there in that version, it is a
duplicate.

medallion (to 3.0.0) takes every object that has a property ``version`` of its own (software, extension-definition),
mistakes it for the object's version, and from then on answers 500 to everybody who lists the collection. So a server
that introduces itself as medallion is not sent such objects; they count as dropped. ``own_versions`` overrules that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import tenacity

from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError, PermissionDenied, RecordError, UnexpectedReply
from isthmus_sdk.http import Basic, NoAuth, Response
from isthmus_sdk.platform import (
    ACCEPTED,
    DUPLICATE,
    BatchRejected,
    Dropped,
    Encoded,
    Platform,
    PlatformContext,
    Profile,
    Verdict,
)
from isthmus_sdk.settings import Secret, Settings
from isthmus_sdk.url import Url

MEDIA_TYPE = "application/taxii+json;version=2.1"
_ENVELOPE = b'{"objects":[%s]}'
_LOOKED_UP_AT_ONCE = 40
"""Ids in one ``match[id]``, so that the URL stays below 2,048 characters."""


class TaxiiSettings(Settings):
    """Where to push. ``username`` and ``password`` go together; without them no credential is sent."""

    url: Url
    """The API root, for example ``https://taxii.example/api1/``."""
    collection: str
    """Id or alias of the collection."""
    username: str | None = None
    password: Secret | None = None
    own_versions: bool | None = None
    """Whether the server can hold objects that have a ``version`` property; unset: it can, unless it is medallion."""
    patience: float = 60.0
    """Seconds to ask for a status that is still pending; what is undecided then waits for the next run."""


def _auth(settings: TaxiiSettings) -> Any:
    if settings.username is None:
        return NoAuth()
    return Basic(settings.username, settings.password or "")


taxii = Platform(
    __package__,
    settings=TaxiiSettings,
    profile=Profile(max_records=250, max_bytes=5_000_000, envelope=len(_ENVELOPE), grade="real server"),
    auth=_auth,
    base_url=lambda settings: settings.url,
)


class Detail(msgspec.Struct):
    """Status of one object."""

    id: str
    version: Any = ""
    """A timestamp; servers echo whatever the object held."""
    message: str = ""


class Status(msgspec.Struct):
    """The status resource (section 4.3.1)."""

    id: str
    status: str
    total_count: int
    success_count: int
    failure_count: int
    pending_count: int
    successes: list[Detail] = []
    failures: list[Detail] = []
    pendings: list[Detail] = []


class _Root(msgspec.Struct):
    max_content_length: int
    versions: list[str]


class _Collection(msgspec.Struct):
    id: str
    can_read: bool
    can_write: bool


class _Manifest(msgspec.Struct):
    objects: list[Detail] = []
    more: bool = False
    next: str = ""


@taxii.prepares
def learn_limits(ctx: PlatformContext) -> Profile:
    """Read the API root and the collection: the longest request, and the right to write."""
    root = _read(_get(ctx, ""), _Root)
    reply = _get(ctx, _collection(ctx), accept=(404,))
    if reply.status == 404:
        raise ConfigurationError(
            f"{ctx.settings.url}: there is no collection {ctx.settings.collection!r}, or this account may not see it"
        )
    collection = _read(reply, _Collection)
    if not collection.can_write:
        raise PermissionDenied(f"collection {ctx.settings.collection!r}: this account may not write to it")
    ctx.memory["readable"] = collection.can_read
    ctx.memory["own_versions"] = _holds_own_versions(ctx)
    declared = taxii.profile
    return replace(declared, max_bytes=max(declared.envelope + 1, min(declared.max_bytes, root.max_content_length)))


@taxii.encodes
def as_it_is(obj: dict[str, Any], ctx: PlatformContext) -> Encoded:
    """The object itself, canonical JSON."""
    if "version" in obj and not ctx.memory.get("own_versions", True):
        raise Dropped("this server cannot list objects with a version property")
    return Encoded(obj["id"], stix.encode(obj), version=obj.get("modified", ""))


@taxii.sends
def push(batch: Sequence[Encoded], ctx: PlatformContext) -> list[Verdict]:
    """Add objects and read each one's status.

    Raises :class:`BatchRejected` where the server refuses the request as a whole (400, 422) or counts failures without
    naming them.
    """
    reply = ctx.http.post(
        _address(ctx, f"{_collection(ctx)}objects/"),
        content=_ENVELOPE % b",".join(record.body for record in batch),
        headers={"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE},
        idempotent=True,
        accept=(400, 422),
    )
    if reply.status in (400, 422):
        raise BatchRejected(f"the server refuses the request ({reply.status}): {_words(reply)}")
    status = _settled(ctx, _read(reply, Status))
    failed, undecided = _named(status, batch)
    held = _held(ctx, [record for record in batch if record.id in failed]) if failed else set()
    return [_verdict(ctx, record, failed, undecided, held) for record in batch]


@taxii.checks
def reach(ctx: PlatformContext) -> list[str]:
    """Whether the collection can be written."""
    profile = learn_limits(ctx)
    return [f"collection {ctx.settings.collection!r} can be written, requests up to {profile.max_bytes} bytes"]


def _verdict(
    ctx: PlatformContext, record: Encoded, failed: dict[str, str], undecided: set[str], held: set[str]
) -> Verdict:
    if record.id in held:
        return DUPLICATE
    if record.id in undecided:
        return Verdict("retry", "the server has not decided")
    if record.id not in failed:
        return ACCEPTED
    reason = failed[record.id] or "the server gives no reason"
    if not ctx.memory.get("readable"):
        reason += " (the collection cannot be read, so this may be a duplicate)"
    return Verdict("rejected", reason)


def _settled(ctx: PlatformContext, status: Status) -> Status:
    """The status once it is complete, or as it stands when patience ends."""
    latest = status

    def ask() -> bool:
        nonlocal latest
        if latest.status == "pending":
            latest = _read(_get(ctx, f"status/{latest.id}/"), Status)
        return latest.status == "pending"

    if latest.status == "pending":
        ctx.sleep(min(0.2, ctx.settings.patience))
        tenacity.Retrying(
            retry=tenacity.retry_if_result(bool),
            wait=tenacity.wait_exponential(multiplier=0.5, max=5),
            stop=tenacity.stop_before_delay(ctx.settings.patience),
            sleep=ctx.sleep,
            retry_error_callback=lambda state: None,
        )(ask)
    return latest


def _named(status: Status, batch: Sequence[Encoded]) -> tuple[dict[str, str], set[str]]:
    """Which objects failed (with the reason) and which are undecided; the lists of a status are optional."""
    ids = {record.id for record in batch}
    counted = status.success_count + status.failure_count + status.pending_count
    if counted != len(batch):
        raise UnexpectedReply(f"status {status.id}: counts {counted} objects where {len(batch)} were sent")
    failed = {detail.id: detail.message for detail in status.failures if detail.id in ids}
    undecided = {detail.id for detail in status.pendings if detail.id in ids}
    taken = {detail.id for detail in status.successes if detail.id in ids}
    rest = ids - failed.keys() - undecided - taken
    if status.failure_count - len(failed) == len(rest):
        failed.update(dict.fromkeys(rest, ""))
    elif status.pending_count - len(undecided) == len(rest):
        undecided |= rest
    elif status.success_count - len(taken) != len(rest):
        if status.pending_count:
            return failed, undecided | rest
        raise BatchRejected(f"{status.failure_count} of {len(batch)} objects failed and the server does not name them")
    return failed, undecided


def _held(ctx: PlatformContext, records: Sequence[Encoded]) -> set[str]:
    """Ids of records that the collection already holds in the version that was sent."""
    held: set[str] = set()
    if not ctx.memory.get("readable"):
        return held
    versions = {record.id: record.version for record in records}
    ids = list(versions)
    for start in range(0, len(ids), _LOOKED_UP_AT_ONCE):
        for found in _manifest(ctx, ids[start : start + _LOOKED_UP_AT_ONCE]):
            wanted = versions.get(found.id)
            if wanted == "" or (wanted and _same_time(found.version, wanted)):
                held.add(found.id)
    return held


def _same_time(version: Any, modified: str) -> bool:
    """Servers may write the fraction of a second with other digits."""
    try:
        return bool(stix.timestamp(version) == stix.timestamp(modified))
    except RecordError:
        return False


def _manifest(ctx: PlatformContext, ids: Sequence[str]) -> Iterable[Detail]:
    asked = {"match[id]": ",".join(ids), "match[version]": "all"}
    pages = set()
    position = ""
    while position not in pages:
        pages.add(position)
        params = {**asked, "next": position} if position else asked
        page = _read(_get(ctx, f"{_collection(ctx)}manifest/", params), _Manifest)
        yield from page.objects
        if not page.more or not page.next:
            return
        position = page.next


def _holds_own_versions(ctx: PlatformContext) -> bool:
    if ctx.settings.own_versions is not None:
        return bool(ctx.settings.own_versions)
    unknown = _get(ctx, "status/00000000-0000-4000-8000-000000000000/", accept=(400, 404))
    try:
        return bool(msgspec.json.decode(unknown.body, type=dict[str, Any]).get("title") != "ProcessingError")
    except msgspec.MsgspecError:
        return True


def _collection(ctx: PlatformContext) -> str:
    return f"collections/{ctx.settings.collection}/"


def _address(ctx: PlatformContext, path: str) -> str:
    """Below the API root; the trailing slash is part of every TAXII path."""
    return f"{ctx.settings.url.without_query.rstrip('/')}/{path}"


def _get(
    ctx: PlatformContext, path: str, params: dict[str, str] | None = None, accept: tuple[int, ...] = ()
) -> Response:
    return ctx.http.get(_address(ctx, path), params=params, headers={"Accept": MEDIA_TYPE}, accept=accept)


def _read(reply: Response, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(reply.require_json(), type=kind)
    except msgspec.MsgspecError as error:
        what = kind.__name__.strip("_").lower()
        raise UnexpectedReply(f"{reply.url.without_query}: is no TAXII 2.1 {what}: {error}") from None


def _words(reply: Response) -> str:
    """Title and description of an error message (section 3.6.1)."""
    try:
        error = msgspec.json.decode(reply.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return "no reason given"
    return ": ".join(str(error[key])[:200] for key in ("title", "description") if error.get(key)) or "no reason given"
