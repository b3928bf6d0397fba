"""What a new connector may begin with: ways to authenticate and ways to page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuthChoice:
    """A way to authenticate, as code."""

    kind: str
    """Class of ``isthmus_sdk.http``; empty: the API asks for nothing."""
    arguments: str = ""
    """Of the class, over the settings ``s``."""
    settings: tuple[tuple[str, str], ...] = ()
    """Name and description of what an operator sets for it."""
    secrets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PagingChoice:
    """A way to page, as code."""

    pager: str
    """The expression after ``next=``."""
    kind: str = ""
    """The class of ``isthmus_sdk.http`` in it."""
    rest: str = ""
    """What a page has beside its records, as JSON."""


AUTH: dict[str, AuthChoice] = {
    "api-key": AuthChoice("ApiKey", '"X-Api-Key", s.token', secrets=(("token", "API token with the right to read"),)),
    "bearer": AuthChoice("Bearer", "s.token", secrets=(("token", "API token with the right to read"),)),
    "basic": AuthChoice(
        "Basic",
        "s.username, s.password",
        settings=(("username", "User with the right to read"),),
        secrets=(("password", "The user's password"),),
    ),
    "oauth2": AuthChoice(
        "OAuth2ClientCredentials",
        's.base_url / "oauth/token", s.client_id, s.client_secret',
        settings=(("client_id", "Id of the API client"),),
        secrets=(("client_secret", "The API client's secret"),),
    ),
    "none": AuthChoice(""),
}
"""By the word after ``--auth``."""

PAGING: dict[str, PagingChoice] = {
    "cursor": PagingChoice('Cursor("next_cursor", "cursor")', "Cursor", ', "next_cursor": null'),
    "page": PagingChoice('PageNumber("page", "size")', "PageNumber"),
    "offset": PagingChoice('Offset("offset", "limit")', "Offset"),
    "link": PagingChoice("LinkHeader()", "LinkHeader"),
    "none": PagingChoice("None"),
}
"""By the word after ``--paging``."""

__all__ = ["AUTH", "PAGING", "AuthChoice", "PagingChoice"]
