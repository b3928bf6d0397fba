"""What a worker needs of the machine, from the configuration and the manifest: all else is taken from it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from isthmus_hub.config import ConnectorConfig
from isthmus_hub.runtime._texts import texts
from isthmus_sdk.confine import Level, Reach
from isthmus_sdk.manifest import Manifest

_ALWAYS = (53, 443)
"""TCP ports of name resolution (large answers) and of https, which addresses made from a tenant's name have."""
_URL = re.compile(r"https?://[^\s\"'<>]+")
_WILD = re.compile(r"[*?\[]")


def reach_of(
    chosen: ConnectorConfig,
    manifest: Manifest,
    home: Path | None,
    record: Path | None,
    environ: Mapping[str, str],
    level: Level = "confined",
    account: Path | None = None,
    *,
    folders: Sequence[str] = (),
    offline: bool = False,
) -> Reach:
    """Files and ports of one instance. ``folders`` hold what was received for it; ``offline``: it contacts nobody.

    ``home``: where the connector's package lies, which need not be on Python's path. Input files by the directories they
    lie in, since a pattern finds new ones; TLS files; the directories of recorded pages and of the account; the ports of
    every address in settings, manifest and proxy. An instance fed from files gets no port, and one whose requests the hub
    makes neither ports nor TLS files nor the account.
    """
    off = level == "networked-off"
    tls = () if off else (chosen.tls.ca, chosen.tls.cert, chosen.tls.key)
    patterns = [pattern for several in (chosen.files or {}).values() for pattern in several]
    write = [str(folder) for folder in (record, None if off else account) if folder]
    if environ.get("ISTHMUS_TESTING") == "1" and "ISTHMUS_FAULT_DIR" in environ:
        write.append(environ["ISTHMUS_FAULT_DIR"])
    return Reach(
        read=(
            *((os.fspath(home),) if home else ()),
            *(path for path in tls if path),
            *map(_fixed_part, patterns),
            *folders,
        ),
        write=tuple(write),
        ports=() if off or offline or chosen.files is not None else _ports(chosen, manifest),
        level=level,
    )


def _fixed_part(pattern: str) -> str:
    """The directory below which all files of a pattern lie; a pattern without wildcards is its own directory's."""
    parts = Path(pattern).parts
    fixed = next((at for at, part in enumerate(parts) if _WILD.search(part)), len(parts) - 1)
    return os.fspath(Path(*parts[:fixed])) if fixed else "."


def _ports(chosen: ConnectorConfig, manifest: Manifest) -> tuple[int, ...]:
    places = [chosen.settings, manifest.settings, manifest.origins, chosen.proxy or ""]
    return tuple(sorted({*_ALWAYS, *(port for text in texts(places) for port in _ports_in(text))}))


def _ports_in(text: str) -> Iterator[int]:
    for url in _URL.findall(text):
        try:
            parts = urlsplit(url)
            yield parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:  # the connector's own check names what is wrong with it
            continue


__all__ = ["reach_of"]
