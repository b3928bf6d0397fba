"""Errors, grouped by what the caller should do.

::

    IsthmusError
    ├── ConfigurationError        fix the configuration                     exit 2
    │   ├── ManifestError           connector.toml is missing or wrong
    │   ├── SettingsError           a setting is unknown, missing or wrong
    │   └── SecretError             a secret is missing or its store is refused
    ├── AuthenticationError       renew the credential or its permissions   exit 3
    │   └── PermissionDenied        the credential is valid, the right is missing
    ├── RetriableError            try again later, nothing is lost          exit 1
    │   ├── Unreachable             no connection: DNS, refused, TLS, reset
    │   ├── RateLimited             429 or a vendor's form of it
    │   ├── ServerFault             5xx that outlasted the retries
    │   ├── DeadlineExceeded        a total deadline passed
    │   └── Interrupted             the run was asked to stop while it waited
    ├── SourceError               the vendor's reply is unusable: the run ends, the cursor stays   exit 1
    │   ├── UnexpectedReply         login page, wrong content type, truncated or broken JSON, error body with 200
    │   ├── PagingLoop              the same page again, a cycle, or no progress
    │   ├── CursorExpired           the vendor no longer knows the position: the walk starts anew
    │   ├── TooLarge                a body, a page or a record above its cap
    │   └── OriginRefused           a URL outside the origins the instance was given
    ├── RecordError               skip this record (it goes to quarantine), go on
    │   └── InvalidObject           a STIX object breaks a rule; carries id, path, rule
    └── ProtocolError             worker and hub disagree about the wire: the worker is stopped

Nothing is decided by the text of a message. Messages name the thing, the place and the fix, and never hold a secret.
"""

from __future__ import annotations

from typing import ClassVar


class IsthmusError(Exception):
    """Root of every error Isthmus raises on purpose."""

    exit_code: ClassVar[int] = 1
    group: ClassVar[str] = "fault"


class ConfigurationError(IsthmusError):
    """Something the operator wrote must change before another try makes sense."""

    exit_code = 2
    group = "configuration"


class ManifestError(ConfigurationError):
    """``connector.toml`` is missing, cannot be read, or contradicts the code."""


class SettingsError(ConfigurationError):
    """A setting of an instance is unknown, missing or of the wrong kind."""


class SecretError(ConfigurationError):
    """A referenced secret does not exist, or its store may not be used."""


class AuthenticationError(IsthmusError):
    """The far side does not accept the credential."""

    exit_code = 3
    group = "authentication"


class PermissionDenied(AuthenticationError):
    """The credential is known but lacks a right (HTTP 403)."""


class RetriableError(IsthmusError):
    """The same call may succeed later; nothing was lost."""

    group = "retriable"

    def __init__(self, message: str, *, not_before: float | None = None) -> None:
        super().__init__(message)
        self.not_before = not_before
        """Seconds to wait that the far side asked for, if it did."""


class Unreachable(RetriableError):
    """No connection: name resolution, refusal, TLS, reset."""


class RateLimited(RetriableError):
    """The far side asks to slow down."""


class ServerFault(RetriableError):
    """The far side failed (5xx) for longer than the retry budget."""


class DeadlineExceeded(RetriableError):
    """A total deadline of a request, page or run passed."""


class Interrupted(RetriableError):
    """The run was asked to stop while it waited; the cursor has not moved."""


class SourceError(IsthmusError):
    """The far side answered with something unusable; the cursor has not moved."""

    group = "source"


class UnexpectedReply(SourceError):
    """A login page, a wrong content type, broken JSON, or an error body under status 200."""


class PagingLoop(SourceError):
    """Paging repeats itself or makes no progress."""


class CursorExpired(SourceError):
    """The vendor no longer knows the saved position (HTTP 400, 404 or 410 on a resumed walk)."""


class TooLarge(SourceError):
    """A body, a page or a record is above its cap."""


class OriginRefused(SourceError):
    """A URL points outside the origins that the configuration gave to this instance."""


class RecordError(IsthmusError):
    """One record cannot be used; it goes to quarantine and the page goes on."""

    group = "record"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path
        """Where in the record, as ``a.b[2].c``; empty for the record as a whole."""


class InvalidObject(RecordError):
    """A STIX object breaks a rule of the standard or of the core."""

    def __init__(self, message: str, *, id: str = "", path: str = "", rule: str = "") -> None:
        super().__init__(message, path=path)
        self.id = id
        self.rule = rule
        """Name of the rule, with the section of the specification it comes from."""


class ProtocolError(IsthmusError):
    """Worker and hub disagree about the wire protocol."""

    group = "protocol"


class Ignored(Exception):
    """Raised by a mapping for a record that rightly maps to nothing; counted by reason, never lost silently."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


__all__ = [
    "AuthenticationError",
    "ConfigurationError",
    "CursorExpired",
    "DeadlineExceeded",
    "Ignored",
    "Interrupted",
    "InvalidObject",
    "IsthmusError",
    "ManifestError",
    "OriginRefused",
    "PagingLoop",
    "PermissionDenied",
    "ProtocolError",
    "RateLimited",
    "RecordError",
    "RetriableError",
    "SecretError",
    "ServerFault",
    "SettingsError",
    "SourceError",
    "TooLarge",
    "UnexpectedReply",
    "Unreachable",
]
