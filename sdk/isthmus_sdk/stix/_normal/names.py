"""Host names, domain names, e-mail addresses, URLs."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote

from isthmus_sdk.errors import RecordError
from isthmus_sdk.stix._grammar import is_domain, is_email, is_uri
from isthmus_sdk.stix._normal.words import SAYS_NOTHING, shown, text

_BARS = re.compile(r"[\s\x00-\x1f\x7f/\\?*\"<>|@,;=:%()\[\]{}]")
_NETBIOS_SUFFIX = re.compile(r"<[0-9a-f]{2}>$")
_LOCAL = frozenset(
    [
        "localhost",
        "localhost.localdomain",
        "localhost.local",
        "localhost4",
        "localhost6",
        "localhost4.localdomain4",
        "localhost6.localdomain6",
        "ip6-localhost",
        "ip6-loopback",
        "localdomain",
    ]
)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f.:]+\]")
_LONGEST = 512
_DEFANGED = (("hxxp", "http"), ("[.]", "."), ("(.)", "."), ("[:]", ":"), ("[dot]", "."), ("[at]", "@"), ("[@]", "@"))


def hostname(value: object) -> str | None:
    """A host's name in lower case, without trailing dot; international labels as RFC 5890 writes them (``xn--…``).

    ``DOMAIN\\HOST``, ``HOST$`` and ``HOST<20>`` are HOST. ``None`` for "unknown", ``localhost`` and bare addresses,
    which name no host. Raises `RecordError` for what cannot be a name.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise RecordError(f"{shown(value)} is not a host name")
    if len(value) > _LONGEST and len(value := value.strip()) > _LONGEST:
        raise RecordError(f"a text of {len(value)} characters is not a host name")
    name = value.strip().lower()
    if name in SAYS_NOTHING:
        return None
    name = _NETBIOS_SUFFIX.sub("", name.rpartition("\\")[2].rstrip("$.")).rstrip("$. ")
    if name in SAYS_NOTHING or name in _LOCAL:
        return None
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    else:
        return None
    if not name.isascii():
        name = _in_ascii(name, value)
    if len(name) > 253 or _BARS.search(name) or name[0] in ".-" or ".." in name:
        raise RecordError(f"{shown(value)} is not a host name")
    return None if name in SAYS_NOTHING or name in _LOCAL else name


def _in_ascii(name: str, value: str) -> str:
    """IDNA 2008 with the mapping of UTS 46, as browsers write names."""
    import idna

    try:
        return idna.encode(name, uts46=True).decode().lower().rstrip("$.")
    except UnicodeError as error:
        raise RecordError(f"{shown(value)} is not a host name: {str(error)[:80]}") from None


def domain(value: object) -> str | None:
    """A domain name in lower case without trailing dot (as `hostname`).

    Raises `RecordError` where RFC 5890 knows no such name, which section 6.4 of the standard asks for: labels of letters,
    digits and inner hyphens. An underscore (``_ldap._tcp.x.example``) makes a host name, not a domain name.
    """
    name = hostname(value)
    if name is not None and not _is_domain(name):
        raise RecordError(f"{shown(value)} is not a domain name (RFC 5890)")
    return name


@lru_cache(maxsize=2_048)
def _is_domain(name: str) -> bool:
    import idna

    try:
        idna.encode(name)
    except UnicodeError:
        return False
    return is_domain(name)


def email(value: object) -> str | None:
    """An e-mail address without display name (``Ann <ann@x.example>``), its domain in lower case; ``None`` for nothing.

    Raises `RecordError` for what is no addr-spec of RFC 5322 in plain dots and atoms: quoted and international local
    parts are none.
    """
    said = text(value)
    if said is None:
        return None
    address = _armed(said)
    if address.endswith(">"):
        address = address[:-1].rpartition("<")[2]
    local, _, host = address.removeprefix("mailto:").strip().rpartition("@")
    host = host.lower() if host.isascii() else _in_ascii(host.lower(), said)
    address = f"{local}@{host}"
    if len(address) > 320 or not _ATOMS.fullmatch(local) or not _HOST.fullmatch(host) or not is_email(address):
        raise RecordError(f"{shown(value)} is not an e-mail address")
    return address


_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def url(value: object) -> str | None:
    """A URL with its scheme and host in lower case; defanged ones (``hxxp://x[.]example``) are armed again.

    What RFC 3986 has no place for (umlauts, braces) is percent-encoded. Raises `RecordError` for a text without a scheme,
    or with spaces or control characters in it.
    """
    said = text(value)
    if said is None:
        return None
    address = _armed(said)
    scheme, colon, rest = address.partition(":")
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        who, at, place = host.rpartition("@")
        rest = f"//{who}{at}{place.lower()}{slash}{path}"
    address = f"{scheme.lower()}{colon}{rest}"
    if not is_uri(address) or not rest:
        raise RecordError(f"{shown(value)} is not a URL")
    return quote(_STRAY_PERCENT.sub("%25", address), safe="%!#$&'()*+,/:;=?@[]~")


def _armed(value: str) -> str:
    """Without the marks by which people keep others from clicking; brackets of IPv6 addresses stay."""
    if "hxxp" not in value[:5].lower() and "[" not in value and "(" not in value:
        return value
    made = "http" + value[4:] if value[:4].lower() == "hxxp" else value
    for mark, meant in _DEFANGED[1:]:
        made = made.replace(mark, meant)
    return made
