"""What a vendor pushes: how a stream declares that it can be sent to, and how messages become its records.

A declaration is data. It stands in the code beside the stream and, generated from there, in the manifest, so that the hub
owns port and secret and the connector's code sees neither::

    @fw.stream("traffic", model=Traffic, push=Syslog(payload="cef"))
    @acme.stream("alerts", model=Alert, push=Webhook(signature=Hmac("X-Acme-Signature"), delivery="X-Acme-Delivery"))

The hub receives, makes durable and only then answers (``docs/push.md``); a run reads what has come in as pages. Signature
schemes: :class:`Hmac` (also with a time and an id in the signed text), :class:`TimedHmac` (``t=…,v1=…``),
:class:`BasicPassword`, :class:`Token` and :class:`ClientCertificate`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from isthmus_sdk.push._declared import (
    BasicPassword,
    Challenge,
    ClientCertificate,
    Hmac,
    Push,
    Signature,
    Syslog,
    TimedHmac,
    Token,
    Webhook,
)

if TYPE_CHECKING:
    from isthmus_sdk.push._leef import leef_to_json
    from isthmus_sdk.push._records import cef_to_json, records_of
    from isthmus_sdk.push._spool import Message
    from isthmus_sdk.push._syslog import SyslogMessage, parse_syslog, syslog_to_json

_HOMES = {
    "Message": "_spool",
    "SyslogMessage": "_syslog",
    "cef_to_json": "_records",
    "leef_to_json": "_leef",
    "parse_syslog": "_syslog",
    "records_of": "_records",
    "syslog_to_json": "_syslog",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


__all__ = [
    "BasicPassword",
    "Challenge",
    "ClientCertificate",
    "Hmac",
    "Message",
    "Push",
    "Signature",
    "Syslog",
    "SyslogMessage",
    "TimedHmac",
    "Token",
    "Webhook",
    "cef_to_json",
    "leef_to_json",
    "parse_syslog",
    "records_of",
    "syslog_to_json",
]
