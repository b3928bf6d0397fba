"""Wheels as a partner would publish them, made by hand: a few lines of connector, its manifest, a RECORD."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

MANIFEST = """
[connector]
name = "{name}"
title = "Bolt"
version = "{version}"
sdk_api = ">=1,<2"
[[capability]]
function = "identify"
data_components = ["Asset Inventory"]
asset_classes = ["plc"]
[settings.base_url]
type = "string"
default = "https://bolt.example"
[secrets.token]
description = "API token"
[[stream]]
name = "rows"
{more}
"""
CODE = """
from pydantic import BaseModel
from isthmus_sdk import Connector, Secret, Settings, Url
from isthmus_sdk.http import ApiKey
class S(Settings):
    base_url: Url = Url("https://bolt.example")
    token: Secret
class Row(BaseModel):
    id: str
bolt = Connector(__package__, settings=S, auth=lambda s: ApiKey("X-Api-Key", s.token))
@bolt.stream("rows", model=Row)
def rows(ctx):
    return ctx.pages("/rows", items="rows")
@rows.maps
def to_stix(row, stix):
    return stix.asset(row.id, name=row.id)
"""


def record_of(files: Mapping[str, bytes]) -> bytes:
    """The text of a RECORD."""
    out = io.StringIO()
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        csv.writer(out, lineterminator="\n").writerow([name, f"sha256={digest}", len(content)])
    return out.getvalue().encode()


def wheel(
    folder: Path,
    *,
    name: str = "bolt",
    version: str = "1.0.0",
    code: str = CODE,
    more: str = "",
    requires: tuple[str, ...] = ("isthmus-sdk>=0.1",),
    files: Mapping[str, str] | None = None,
    entry: bool = True,
    damage: Mapping[str, bytes] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """A wheel of distribution ``<name>-connector``. ``files``: further members; ``damage``: members not as recorded."""
    package, info = f"{name}_connector", f"{name}_connector-{version}.dist-info"
    wanted = "".join(f"Requires-Dist: {line}\n" for line in requires)
    members = {
        f"{package}/__init__.py": b"",
        f"{package}/connector.py": code.encode(),
        f"{package}/connector.toml": MANIFEST.format(name=name, version=version, more=more).encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}-connector\nVersion: {version}\n{wanted}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        **{path: text.encode() for path, text in (files or {}).items()},
    }
    if entry:
        members[f"{info}/entry_points.txt"] = f"[isthmus.connectors]\n{name} = {package}.connector:{name}\n".encode()
    record = record_of(members)
    path = folder / f"{package}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**members, **(damage or {})}.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/RECORD", record)
    return path


def hash_of(path: Path) -> str:
    """As its maker publishes it."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
