"""What is fuzzed: each target takes bytes and may raise nothing but the errors of the SDK; it caught those itself.

One function for each grammar that reads what others wrote. Hypothesis and atheris drive the same functions.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from isthmus_sdk.commands.stix_check import Checker, CheckOptions
from isthmus_sdk.commands.stix_check._splitter import Piece, Splitter
from isthmus_sdk.errors import IsthmusError
from isthmus_sdk.stix import _grammar as grammar
from isthmus_sdk.stix import (
    check,
    content_hash,
    decode,
    encode,
    interop,
    normalise,
    problems,
    rewrite_refs,
    sco_id,
    timestamp,
    warnings,
)
from isthmus_sdk.stix._pattern import read_pattern
from isthmus_sdk.stix._time import is_timestamp

Target = Callable[[bytes], None]


def _document(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def check_object(data: bytes) -> None:
    """Any JSON value: `check`, `problems`, `warnings` agree; what is accepted can be written and read again."""
    value = _document(data)
    found = problems(value) if isinstance(value, dict) else None
    if found is None:
        return
    warnings(value)
    try:
        check(value)
    except IsthmusError:
        assert found, "check refuses what has no problem"
        return
    assert not found, "check accepts what has a problem"
    assert decode(encode(value)) == value
    content_hash(value)


def decode_bytes(data: bytes) -> None:
    """Any bytes: one JSON object or a `RecordError`; canonical bytes are stable."""
    try:
        value = decode(data)
        written = encode(value)
    except IsthmusError:
        return
    assert encode(decode(written)) == written


def upgrade_object(data: bytes) -> None:
    """Any JSON object as STIX 2.0, then its references and identifiers."""
    value = _document(data)
    if not isinstance(value, dict):
        return
    try:
        for obj in interop.upgrade(value):
            rewrite_refs(obj, lambda ref: ref[:-1] + "0")
            sco_id(str(obj.get("type")), obj)
    except IsthmusError:
        return


def pattern(data: bytes) -> None:
    """Any text as a pattern: it is one, or it has an error."""
    reading = read_pattern(_lenient(data))
    assert reading.error or reading.comparisons


def times(data: bytes) -> None:
    """Any text as a vendor's time: what comes of it is a timestamp of the standard."""
    text = _lenient(data)
    try:
        made = timestamp(text)
    except IsthmusError:
        return
    assert made is None or is_timestamp(made)


def words(data: bytes) -> None:
    """Any text as language tag, CPE, address, name, URI, identifier, selector: a yes or a no."""
    text = _lenient(data)
    for test in (
        grammar.is_language,
        grammar.is_cpe,
        grammar.is_ipv4,
        grammar.is_ipv6,
        grammar.is_mac,
        grammar.is_domain,
        grammar.is_email,
        grammar.is_uri,
        grammar.is_identifier,
        grammar.is_semver,
        grammar.is_base64,
        grammar.is_mime_type,
        grammar.selector_steps,
    ):
        test(text)
    for make in (normalise.mac, normalise.ip, normalise.hostname, normalise.cpe, normalise.cve, normalise.purdue_level):
        try:
            make(text)
        except IsthmusError:
            pass


def split(data: bytes) -> None:
    """Any bytes as a file: cut alike in pieces of any length, every error listed, counts that add up."""
    step = data[0] % 16 + 1 if data else 1
    small, whole = io.BytesIO(data), io.BytesIO(data)
    found = list(Splitter(lambda: small.read(step)).found())
    assert found == list(Splitter(lambda: whole.read(1 << 16)).found())
    file, checker = io.BytesIO(data), Checker(CheckOptions())
    checker.file("-", lambda: file.read(1 << 16))
    checker.finish()
    report = checker.report
    assert report.objects == report.files[0]["objects"] <= len(found)
    assert report.valid <= report.objects
    assert (report.valid < report.objects) <= bool(report.errors)
    assert sum(isinstance(each, Piece) for each in found) >= report.valid


def _lenient(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


TARGETS: dict[str, Target] = {
    "check": check_object,
    "decode": decode_bytes,
    "upgrade": upgrade_object,
    "pattern": pattern,
    "times": times,
    "words": words,
    "split": split,
}


def everything(data: bytes) -> None:
    """The first byte says which target takes the rest."""
    if data:
        TARGETS[sorted(TARGETS)[data[0] % len(TARGETS)]](data[1:])
