"""The guarded HTTP client, auth kinds and pagers.

Names are loaded on first use: importing the SDK loads neither httpx nor tenacity.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus_sdk.http._auth import ApiKey, Auth, Basic, Bearer, Flow, NoAuth, OAuth2ClientCredentials, TokenAuth
    from isthmus_sdk.http._client import Event, Http
    from isthmus_sdk.http._counted import ItemRange, Offset, PageNumber
    from isthmus_sdk.http._entities import Entities
    from isthmus_sdk.http._export import Export
    from isthmus_sdk.http._logins import HeaderLogin, Login, SessionCookie
    from isthmus_sdk.http._message import Headers, Request, Response
    from isthmus_sdk.http._pagers import Cursor, Keyset, LinkHeader, NextLink, Scroll
    from isthmus_sdk.http._pages import pages
    from isthmus_sdk.http._paging import Pager, PageRequest, Reply
    from isthmus_sdk.http._policy import Limits, Rate, Retry, Tls
    from isthmus_sdk.http._signatures import HmacSignature, NonceDigest, Signed
    from isthmus_sdk.http._sigv4 import AwsSignature
    from isthmus_sdk.http._sublists import Sublist

_HOME = {
    "_auth": ("ApiKey", "Auth", "Basic", "Bearer", "Flow", "NoAuth", "OAuth2ClientCredentials", "TokenAuth"),
    "_client": ("Event", "Http"),
    "_entities": ("Entities",),
    "_export": ("Export",),
    "_logins": ("HeaderLogin", "Login", "SessionCookie"),
    "_message": ("Headers", "Request", "Response"),
    "_counted": ("ItemRange", "Offset", "PageNumber"),
    "_pagers": ("Cursor", "Keyset", "LinkHeader", "NextLink", "Scroll"),
    "_pages": ("pages",),
    "_paging": ("PageRequest", "Pager", "Reply"),
    "_policy": ("Limits", "Rate", "Retry", "Tls"),
    "_sigv4": ("AwsSignature",),
    "_signatures": ("HmacSignature", "NonceDigest", "Signed"),
    "_sublists": ("Sublist",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "ApiKey",
    "Auth",
    "AwsSignature",
    "Basic",
    "Bearer",
    "Cursor",
    "Entities",
    "Event",
    "Export",
    "Flow",
    "HeaderLogin",
    "Headers",
    "HmacSignature",
    "Http",
    "ItemRange",
    "Keyset",
    "Limits",
    "LinkHeader",
    "Login",
    "NextLink",
    "NoAuth",
    "NonceDigest",
    "OAuth2ClientCredentials",
    "Offset",
    "PageNumber",
    "PageRequest",
    "Pager",
    "Rate",
    "Reply",
    "Request",
    "Response",
    "Retry",
    "Scroll",
    "SessionCookie",
    "Signed",
    "Sublist",
    "Tls",
    "TokenAuth",
    "pages",
]
