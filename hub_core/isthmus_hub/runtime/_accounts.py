"""Which instances use one account at a vendor, and the directory in which their workers keep its rate together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from isthmus_hub.config import ConnectorConfig
from isthmus_hub.runtime._texts import texts
from isthmus_sdk.manifest import Manifest
from isthmus_sdk.url import InvalidUrl, Url


def account_folder(parent: Path, chosen: ConnectorConfig, manifest: Manifest) -> Path | None:
    """The directory of an instance's account; ``None`` for one that reads files.

    Instances share one where the operator gives them the same ``account``, else where they are of the same connector, go to
    the same addresses and take their secrets from the same places. The name is made of references, never of a secret.
    """
    if chosen.files is not None:
        return None
    identity: Any = chosen.account
    if identity is None:
        defaults = {name: spec.get("default") for name, spec in manifest.settings.items() if isinstance(spec, Mapping)}
        addresses = sorted({*_origins({**defaults, **chosen.settings})})
        identity = [chosen.use, addresses, sorted(str(reference) for reference in chosen.secrets.values())]
    return parent / blake2b(json.dumps(identity).encode(), digest_size=12).hexdigest()


def _origins(value: Any) -> Iterator[str]:
    for text in texts(value):
        try:
            yield str(Url(text).origin)
        except InvalidUrl:
            continue


__all__ = ["account_folder"]
