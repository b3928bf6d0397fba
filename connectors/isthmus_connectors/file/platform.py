"""Deliver resolved objects as STIX 2.1 bundles in a directory.

One bundle per batch, written beside its place, synced, then renamed: a reader that looks for ``isthmus-*.json`` never
sees half a bundle, and a power cut loses none that was reported as delivered. The name is a hash of the objects, so the
same batch sent twice is the same file.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from isthmus_sdk import stix
from isthmus_sdk.errors import ConfigurationError, IsthmusError, ServerFault
from isthmus_sdk.platform import ACCEPTED, DUPLICATE, Encoded, Platform, PlatformContext, Profile, Verdict
from isthmus_sdk.settings import Settings

_BUNDLES = uuid.UUID("9379cc7b-11fd-47a4-88ec-811ab049188e")
_WAIT_AND_TRY = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EAGAIN, errno.EMFILE, errno.ENFILE}


class FileSettings(Settings):
    """``directory`` is created if its parent exists; a relative one counts from the working directory."""

    directory: Path


file = Platform(
    __package__,
    settings=FileSettings,
    profile=Profile(
        max_records=2_000,
        max_bytes=16_000_000,
        envelope=128,
        atomicity="all_or_nothing",
        key="none",
        deletes="none",
        grade="real third-party client or parser",
    ),
)


@file.prepares
def make_directory(ctx: PlatformContext) -> None:
    """Make the directory, prove that it can be written, and remove what a killed run left half written."""
    directory: Path = ctx.settings.directory
    try:
        directory.mkdir(exist_ok=True)
        for left in directory.glob(".isthmus-*.part"):
            left.unlink(missing_ok=True)
    except OSError as error:
        raise _fault(directory, error) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{directory}: cannot be written; check its owner and mode")


@file.encodes
def as_it_is(obj: dict[str, Any], ctx: PlatformContext) -> Encoded:
    """The object itself, canonical JSON."""
    return Encoded(obj["id"], stix.encode(obj), version=obj.get("modified", ""))


@file.sends
def write_bundle(batch: Sequence[Encoded], ctx: PlatformContext) -> list[Verdict]:
    """One bundle. Raises ``ServerFault`` for a full or failing disk, ``ConfigurationError`` for one that refuses."""
    directory: Path = ctx.settings.directory
    objects = b",".join(record.body for record in batch)
    digest = blake2b(objects, digest_size=16).hexdigest()
    target = directory / f"isthmus-{digest}.json"
    if target.exists():
        return [DUPLICATE] * len(batch)
    bundle = b'{"type":"bundle","id":"bundle--%s","objects":[%s]}\n' % (
        str(uuid.uuid5(_BUNDLES, digest)).encode(),
        objects,
    )
    try:
        _write_durably(target, bundle)
    except OSError as error:
        raise _fault(directory, error) from error
    return [ACCEPTED] * len(batch)


@file.checks
def can_write(ctx: PlatformContext) -> list[str]:
    """Whether bundles can be written."""
    make_directory(ctx)
    return [f"{ctx.settings.directory}: can be written"]


def _write_durably(target: Path, content: bytes) -> None:
    part = target.with_name(f".{target.stem}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _fault(directory: Path, error: OSError) -> IsthmusError:
    if error.errno in _WAIT_AND_TRY:
        return ServerFault(f"{directory}: {error.strerror}; nothing is lost, delivery goes on when there is room")
    return ConfigurationError(f"{directory}: {error.strerror}; check the setting `directory`, its owner and mode")
