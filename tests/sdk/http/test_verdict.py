"""What a reply that failed is taken for, and whose words say why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.sdk.http.server import HostileServer, status

from isthmus_sdk.errors import SourceError
from isthmus_sdk.http import Http


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "no such list"}',
        b'{"Message": "no such list"}',
        b'{"errorCode": "E1", "errorSummary": "no such list"}',
        b'{"error": {"code": 5, "errorMessage": "no such list"}}',
        b'{"error": "e", "error_description": "no such list"}',
        b'{"errors": [{"detail": "no such list"}]}',
    ],
)
def test_the_vendors_words_are_found_however_their_field_is_spelled(
    vendor: HostileServer, client: Callable[..., Http], body: bytes
) -> None:
    vendor.on("/x", status(404, body))
    with pytest.raises(SourceError, match=r"\(no such list\)"):
        client(vendor.url).get("x")
