"""TLS contexts, one per policy and shared: building one reads the system's authorities and costs tens of
milliseconds.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import ssl
from pathlib import Path

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.http._policy import Tls


class PinMismatch(Exception):
    """The server showed another certificate than the pinned one."""

    def __init__(self, presented: bytes) -> None:
        super().__init__(presented.hex())
        self.presented = presented


def own_context(tls: Tls | None) -> ssl.SSLContext:
    """For the base URL's origin: its authorities, its pin, its client certificate."""
    tls = tls or Tls()
    files = tuple(_version(path) for path in (tls.ca, tls.cert, tls.key))
    return _own_context(tls.ca, tls.cert, tls.key, bool(tls.digests), files)


def other_context(tls: Tls | None) -> ssl.SSLContext:
    """For every other origin: the system's authorities, and ``ca`` beside them. Never the client certificate."""
    ca = tls.ca if tls else None
    return _other_context(ca, _version(ca))


def check_pin(certificate: bytes | None, digests: frozenset[bytes]) -> None:
    """Compare the leaf certificate (DER) with the pins, before the first byte of a request is sent. Raises
    ``PinMismatch``.
    """
    presented = hashlib.sha256(certificate or b"").digest()
    if not any(hmac.compare_digest(presented, digest) for digest in digests):
        raise PinMismatch(presented)


@functools.cache
def looking_context() -> ssl.SSLContext:
    """For a second look at a certificate that was refused, to tell the operator which it is. Nothing is ever sent over it."""
    context = _bare_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@functools.lru_cache(maxsize=64)
def _own_context(
    ca: str | None, cert: str | None, key: str | None, pinned: bool, files: tuple[object, ...]
) -> ssl.SSLContext:
    context = _bare_context()
    if ca is not None:
        _load_authorities(context, ca)
    elif pinned:
        # The pin takes the place of the chain: the connection is refused unless the leaf is exactly the pinned one.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _load_system_authorities(context)
    if cert is not None:
        try:
            # An encrypted key must not make OpenSSL ask on the terminal.
            context.load_cert_chain(cert, key, password=lambda: b"")
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"tls.cert: cannot load {cert} ({_reason(error)}); give PEM files, the key without a passphrase"
            ) from None
    return context


@functools.lru_cache(maxsize=16)
def _other_context(ca: str | None, version: object) -> ssl.SSLContext:
    context = _bare_context()
    _load_system_authorities(context)
    if ca is not None:
        _load_authorities(context, ca)
    return context


def _bare_context() -> ssl.SSLContext:
    # Not create_default_context: that one obeys SSLKEYLOGFILE, and the environment is not trusted here.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _load_authorities(context: ssl.SSLContext, ca: str) -> None:
    try:
        context.load_verify_locations(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"tls.ca: cannot load {ca} ({_reason(error)}); give a file of PEM certificates"
        ) from None


def _load_system_authorities(context: ssl.SSLContext) -> None:
    # The paths OpenSSL was built with. SSL_CERT_FILE and SSL_CERT_DIR are left alone: a process environment must not
    # add authorities.
    paths = ssl.get_default_verify_paths()
    cafile = paths.openssl_cafile if Path(paths.openssl_cafile).is_file() else None
    capath = paths.openssl_capath if _holds_certificates(Path(paths.openssl_capath)) else None
    if cafile or capath:
        context.load_verify_locations(cafile=cafile, capath=capath)
    else:
        import certifi  # comes with httpx

        context.load_verify_locations(cafile=certifi.where())


def _holds_certificates(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _version(path: str | None) -> tuple[int, int] | None:
    """Changes when the file does, so that a renewed certificate is read again."""
    if path is None:
        return None
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size)


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or type(error).__name__


__all__ = ["PinMismatch", "check_pin", "looking_context", "other_context", "own_context"]
