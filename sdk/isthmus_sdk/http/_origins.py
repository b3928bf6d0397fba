"""Where a client may go and where its credential may go. Whole origins are compared, however the URL arrived."""

from __future__ import annotations

from collections.abc import Iterable

from isthmus_sdk.errors import OriginRefused, SettingsError
from isthmus_sdk.http._auth import Auth
from isthmus_sdk.url import InvalidUrl, Origin, Url


class AllowedOrigins:
    """The base URL's origin, the further origins, and the auth's own."""

    def __init__(self, base_url: Url, origins: Iterable[str], auth: Auth) -> None:
        exact, self._domains = {base_url.origin}, set[Origin]()
        for text in origins:
            if "://*." in text:
                domain = _parse(text.replace("://*.", "://", 1))
                if "." not in domain.host:
                    raise SettingsError(f"origins: {text} would allow a whole top-level domain; name the vendor's own")
                self._domains.add(domain)
            else:
                exact.add(_parse(text))
        self._logins = frozenset(url.origin for url in auth.logins)
        self._credential = frozenset(
            {base_url.origin} if auth.origins is None else (url.origin for url in auth.origins)
        )
        self._exact = frozenset(exact) | self._credential

    @property
    def configured(self) -> frozenset[Origin]:
        """Origins named one by one: they may lie on loopback and private networks."""
        return self._exact | self._logins

    def require(self, url: Url, *, because: str = "") -> None:
        """Raise ``OriginRefused`` unless ``url`` lies inside the allowed origins."""
        origin = url.origin
        if origin in self._exact:
            return
        if any(
            (origin.scheme, origin.port) == (domain.scheme, domain.port) and origin.host.endswith(f".{domain.host}")
            for domain in self._domains
        ):
            return
        reason = f" ({because})" if because else ""
        raise OriginRefused(
            f"{url.without_query}{reason} is outside the origins of this instance; nothing was sent to it. {self._advice(origin)}"
        )

    def _advice(self, origin: Origin) -> str:
        if any(known.host == origin.host and known.scheme != origin.scheme for known in self._exact):
            if origin.scheme == "https":
                return f"If the product has moved to TLS, set the base URL to {origin}"
            return (
                "A link from https to plain http is never followed: the product or a proxy before it builds wrong links"
            )
        return f"If it is right, add {origin} to the origins"

    def require_login(self, url: Url) -> None:
        """Raise ``OriginRefused`` unless tokens are fetched there."""
        if url.origin not in self._logins:
            raise OriginRefused(
                f"{url.without_query} is not a login URL of this instance's auth; nothing was sent to it"
            )

    def takes_credential(self, url: Url) -> bool:
        return url.origin in self._credential


def _parse(text: str) -> Origin:
    try:
        return Url(text).origin
    except InvalidUrl as error:
        raise SettingsError(f"origins: {error}") from None


__all__ = ["AllowedOrigins"]
