"""A wheel, read as an archive: what it is, what it needs, and its connector's manifest. Nothing of it is imported or run.

Source: the binary distribution format of the Python Packaging User Guide (wheel 1.0), entry points specification.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import platform
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.hookspecs import CONNECTORS
from isthmus_sdk.manifest import Manifest, parse

MOST_FILES = 20_000
MOST_BYTES = 1 << 30
"""Files of one wheel, and their size once unpacked."""
_LONGEST_TEXT = 4 << 20
_SCHEMES = ("purelib", "platlib")
_UNSIGNED = ("RECORD", "RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, slots=True)
class Wheel:
    """What a wheel says of itself."""

    path: Path
    digest: str
    """SHA-256 of the file, hexadecimal."""
    name: str
    """Of the distribution, normalised."""
    version: str
    requires: tuple[Requirement, ...]
    connectors: tuple[tuple[str, str], ...]
    """Entry points ``name``, ``package.module:object``."""
    startup: tuple[str, ...]
    """Start-up files (``.pth``) it brings; none of them ever runs."""


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, digest: str | None = None) -> Wheel:
    """Read a wheel. ``digest``: the one it must have. Raises :class:`ConfigurationError` that names file and reason."""
    if path.suffix != ".whl":
        raise ConfigurationError(
            f"{path}: is no wheel. Building a source distribution runs its code, so none is taken: ask its maker for a .whl"
        )
    try:
        found = digest_of(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if digest is not None and found != digest:
        raise ConfigurationError(
            f"{path}: has the hash sha256:{found}, not the one that was given, sha256:{digest}: it is another file than "
            "the one you were told of. Nothing was added"
        )
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise ConfigurationError(f"{path}: is not the name of a wheel: {error}") from None
    if not tags & set(sys_tags()):
        raise ConfigurationError(f"{path}: is not made for this machine and Python {platform.python_version()}")
    with _archive(path) as archive:
        info = f"{_info_folder(path, archive)}/"
        headers = HeaderParser().parsestr(_text(path, archive, f"{info}METADATA"))
        _check_python(path, headers.get("Requires-Python"))
        return Wheel(
            path=path,
            digest=found,
            name=canonicalize_name(name),
            version=str(version),
            requires=tuple(_requirements(path, headers.get_all("Requires-Dist") or [])),
            connectors=_connectors(path, archive, info),
            startup=tuple(
                member
                for member, target in _members(path, archive)
                if target.suffix == ".pth" and len(target.parts) == 1
            ),
        )


def manifest_of(wheel: Wheel, entry: str) -> tuple[Manifest, str]:
    """Manifest of the connector at ``entry`` (``package.module:object``), and its place in the wheel.

    It lies beside the module or in a parent package, as `isthmus_sdk.loader` finds it once installed. Raises
    :class:`ConfigurationError`.
    """
    with _archive(wheel.path) as archive:
        places = {str(target): member for member, target in _members(wheel.path, archive)}
        folder = PurePosixPath(*entry.partition(":")[0].split("."))
        for parent in (folder, *folder.parents):
            place = str(parent / "connector.toml")
            if parent.parts and place in places:
                return parse(_text(wheel.path, archive, places[place]), f"{wheel.path.name}/{place}"), place
    raise ConfigurationError(f"{wheel.path}: there is no connector.toml beside {entry}")


def unpack(wheel: Wheel, site: Path) -> None:
    """Put the wheel's packages into ``site``: scripts and data files stay away. Raises :class:`ConfigurationError`.

    Every file must be the one that the wheel's own RECORD names.
    """
    with _archive(wheel.path) as archive:
        recorded = _record(wheel, archive)
        for member, target in _members(wheel.path, archive):
            content = archive.read(member)
            signed = PurePosixPath(member).name not in _UNSIGNED
            if signed and recorded.get(member) != hashlib.sha256(content).digest():
                raise ConfigurationError(
                    f"{wheel.path}: {member} is not the file that its RECORD names; the wheel is damaged"
                )
            place = site.joinpath(*target.parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with place.open("xb") as file:
                    file.write(content)
            except FileExistsError:
                raise ConfigurationError(f"{wheel.path}: {target} is already there from another distribution") from None


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ConfigurationError(f"{path}: is no archive: {error}") from None
    entries = archive.infolist()
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        archive.close()
        raise ConfigurationError(f"{path}: holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB")
    return archive


def _members(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, PurePosixPath]]:
    """Names of files that are installed, and their places below site-packages. Raises for names that lead elsewhere."""
    seen = set()
    for entry in archive.infolist():
        place = PurePosixPath(entry.filename)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        harmless = not place.is_absolute() and ".." not in place.parts and "\\" not in entry.filename and place.parts
        if not harmless or kind not in (0, stat.S_IFREG, stat.S_IFDIR) or "\0" in entry.filename:
            raise ConfigurationError(f"{path}: holds a file that would not stay in its folder: {entry.filename!r}")
        if entry.is_dir():
            continue
        if place.parts[0].endswith(".data"):
            if len(place.parts) < 3 or place.parts[1] not in _SCHEMES:
                continue
            place = PurePosixPath(*place.parts[2:])
        if place in seen:
            raise ConfigurationError(f"{path}: holds {place} twice")
        seen.add(place)
        yield entry.filename, place


def _info_folder(path: Path, archive: zipfile.ZipFile) -> str:
    folders = {
        parts[0]
        for name in archive.namelist()
        if (parts := PurePosixPath(name).parts) and parts[0].endswith(".dist-info")
    }
    if len(folders) != 1:
        raise ConfigurationError(f"{path}: has {len(folders)} .dist-info folders; a wheel has one")
    return folders.pop()


def _text(path: Path, archive: zipfile.ZipFile, member: str) -> str:
    try:
        if archive.getinfo(member).file_size > _LONGEST_TEXT:
            raise ConfigurationError(f"{path}: {member} is too large")
        return archive.read(member).decode("utf-8")
    except KeyError:
        raise ConfigurationError(f"{path}: has no {member}") from None
    except (UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{path}: {member} cannot be read: {error}") from None


def _record(wheel: Wheel, archive: zipfile.ZipFile) -> dict[str, bytes]:
    """SHA-256 digests by name."""
    out = {}
    text = _text(wheel.path, archive, f"{_info_folder(wheel.path, archive)}/RECORD")
    for row in csv.reader(io.StringIO(text)):
        kind, _, value = row[1].partition("=") if len(row) > 1 else ("", "", "")
        if kind == "sha256":
            out[row[0]] = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    return out


def _requirements(path: Path, written: list[str]) -> Iterator[Requirement]:
    for text in written:
        try:
            yield Requirement(text)
        except InvalidRequirement as error:
            raise ConfigurationError(f"{path}: its requirement {text!r} cannot be read: {error}") from None


def _check_python(path: Path, wanted: str | None) -> None:
    try:
        fits = wanted is None or SpecifierSet(wanted).contains(platform.python_version(), prereleases=True)
    except InvalidSpecifier:
        fits = False
    if not fits:
        raise ConfigurationError(f"{path}: wants Python {wanted}, this is {platform.python_version()}")


def _connectors(path: Path, archive: zipfile.ZipFile, info: str) -> tuple[tuple[str, str], ...]:
    if f"{info}entry_points.txt" not in archive.namelist():
        return ()
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(_text(path, archive, f"{info}entry_points.txt"))
    except configparser.Error as error:
        raise ConfigurationError(f"{path}: entry_points.txt cannot be read: {error}") from None
    return tuple(parser[CONNECTORS].items()) if CONNECTORS in parser else ()


__all__ = ["Wheel", "digest_of", "manifest_of", "read", "unpack"]
