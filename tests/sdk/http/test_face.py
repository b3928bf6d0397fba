"""The public face, and what importing it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import isthmus_sdk.http as face

PACKAGE = Path(face.__file__).parent


def test_the_public_names_are_these() -> None:
    assert sorted(face.__all__) == [
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
    assert all(getattr(face, name) is not None for name in face.__all__)
    with pytest.raises(AttributeError):
        face.NoSuchName  # noqa: B018


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


def test_httpx_is_loaded_by_the_first_client_and_by_nothing_before() -> None:
    heavy = {"httpx", "httpcore", "h11"}
    assert not heavy & loaded_after("import isthmus_sdk, isthmus_sdk.http, isthmus_sdk.url")
    assert not heavy & loaded_after("from isthmus_sdk.http import *")
    assert heavy <= loaded_after("from isthmus_sdk.http import Http\nHttp(base_url='https://vendor.example')")


def test_httpx_is_imported_in_one_module_of_the_sdk() -> None:
    importing = [
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.parent.rglob("*.py")
        if re.search(r"^\s*(import|from) httpx\b", path.read_text(), re.MULTILINE)
    ]
    assert importing == ["http/_transport.py"]
