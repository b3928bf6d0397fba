"""One spelling for what AWS writes in several: the API's own names and those of its command line, rows as text, envelopes."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from isthmus_sdk.errors import RecordError

_NAME = re.compile(rb'(?<!\\)"([A-Z])((?:[^"\\]|\\.)*+"\s*:)')
"""A member's name that begins with a capital: in JSON only a name has a colon after its closing quote."""
_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)


def finding(raw: bytes) -> bytes:
    """A finding of Security Hub as it is; one of GuardDuty under ``guardDuty``, beside the id and time both have in common.

    GuardDuty's API writes ``updatedAt`` where the command line and boto3 write ``UpdatedAt``.
    """
    members = _members(raw)
    if "ProductArn" in members or not {"service", "Service", "schemaVersion"} & members.keys():
        return raw
    plain = raw if "service" in members or "schemaVersion" in members else _uncapitalised(raw)
    inner = _members(plain)
    common = {"Id": inner.get("arn") or inner.get("id"), "UpdatedAt": inner.get("updatedAt")}
    return msgspec.json.encode(
        {**{name: value for name, value in common.items() if value}, "guardDuty": msgspec.Raw(plain)}
    )


def instance(raw: bytes) -> bytes:
    """A row of AWS Config, which is JSON in a text; or an instance as ``DescribeInstances`` gives it, as such a row."""
    if raw.lstrip()[:1] == b'"':
        try:
            raw = _TEXT.decode(raw).encode()
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise RecordError("the row is neither an object nor JSON in a text") from None
    members = _members(raw)
    if "InstanceId" in members:
        raw = _uncapitalised(raw)
        members = _members(raw)
    if "configuration" in members or "instanceId" not in members:
        return raw
    row: dict[str, Any] = {"resourceId": members["instanceId"], "configuration": msgspec.Raw(raw)}
    return msgspec.json.encode({**row, **({"tags": members["tags"]} if "tags" in members else {})})


def _uncapitalised(raw: bytes) -> bytes:
    return _NAME.sub(lambda match: b'"' + match[1].lower() + match[2], raw)


def _members(raw: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RecordError("is no JSON object") from None
