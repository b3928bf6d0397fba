"""Finding plugins without importing them, and loading one where it may run.

Discovery reads the metadata of installed distributions and the manifest beside the code. The folder of the code is found
through the *top* package only: asking for a dotted name would import its parents.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_sdk.errors import ConfigurationError, IsthmusError, ManifestError
from isthmus_sdk.hookspecs import CONNECTORS, PLATFORMS, PROJECT, Hooks
from isthmus_sdk.manifest import Kind, Manifest, check_api, read
from isthmus_sdk.nearest import did_you_mean

if TYPE_CHECKING:
    from isthmus_sdk.connector import Connector
    from isthmus_sdk.platform import Platform

_GROUPS: dict[str, Kind] = {CONNECTORS: "connector", PLATFORMS: "platform"}


@dataclass(frozen=True, slots=True)
class Found:
    """An installed plugin, as far as metadata and manifest tell."""

    name: str
    """Name of the entry point, as written after ``use =``."""
    kind: Kind
    value: str
    """``package.module:object``; what the worker is started with."""
    distribution: str
    version: str
    manifest: Manifest | None
    manifest_path: Path | None = None
    error: str | None = None
    """Why the plugin cannot be used; the others can."""
    site: Path | None = None
    """The folder it alone is imported from, where it does not belong to this environment."""
    python: Path | None = None
    """The interpreter of that environment."""


def discover(
    path: Sequence[str | Path] | None = None, *, kinds: Iterable[Kind] = ("connector", "platform")
) -> list[Found]:
    """Every plugin of this environment (or of the site-packages folders in ``path``), sorted by kind and name.

    Imports no plugin code. A broken manifest shows in ``error`` of its own entry and hides nothing else.
    """
    wanted = set(kinds)
    folders = None if path is None else [str(folder) for folder in path]
    distributions = (
        importlib.metadata.distributions() if folders is None else importlib.metadata.distributions(path=folders)
    )
    found: dict[tuple[str, str], Found] = {}
    for distribution in distributions:
        for entry in distribution.entry_points:
            kind = _GROUPS.get(entry.group)
            if kind is None or kind not in wanted:
                continue
            # The first one on the path is the one an import would take; a second of the same name is shadowed or a clash.
            earlier = found.get((kind, entry.name))
            made = _found(entry.name, kind, entry.value, distribution, folders)
            if earlier is None:
                found[kind, entry.name] = made
            elif earlier.distribution != made.distribution:
                both = f"{earlier.distribution} and {made.distribution} both provide {kind} {entry.name!r}; remove one"
                found[kind, entry.name] = Found(
                    entry.name, kind, earlier.value, earlier.distribution, earlier.version, None, error=both
                )
    return [found[key] for key in sorted(found)]


def find(name: str, kind: Kind = "connector", *, path: Sequence[str | Path] | None = None) -> Found:
    """The plugin called ``name``. Raises ``ConfigurationError`` that names the near ones."""
    plugins = discover(path, kinds=[kind])
    for plugin in plugins:
        if plugin.name == name:
            return plugin
    hint = did_you_mean(name, (plugin.name for plugin in plugins), others="installed")
    raise ConfigurationError(f"no {kind} {name!r} is installed{hint}")


def load(value: str) -> Connector[Any]:
    """Import ``package.module:object`` and return its connector. Runs plugin code: for worker processes and tests.

    Raises ``ManifestError`` where the import fails, the object is no connector, or the manifest does not fit this SDK.
    """
    from isthmus_sdk import SDK_API
    from isthmus_sdk.connector import Connector

    made = _hooked(value, "isthmus_connector")
    if not isinstance(made, Connector):
        raise ManifestError(f"{value}: is not a Connector (it is {type(made).__name__})")
    check_api(made.manifest, SDK_API)
    return made


def load_platform(value: str) -> Platform:
    """Import ``package.module:object`` and return its platform; raises ``ManifestError`` as :func:`load` does."""
    from isthmus_sdk import SDK_API
    from isthmus_sdk.platform import Platform

    made = _hooked(value, "isthmus_platform")
    if not isinstance(made, Platform):
        raise ManifestError(f"{value}: is not a Platform (it is {type(made).__name__})")
    where = manifest_path(value, "platform")
    if where is None:
        raise ManifestError(f"{value}: there is no platform.toml beside the code")
    check_api(read(where), SDK_API)
    return made


def manifest_path(value: str, kind: Kind = "connector", path: Sequence[str] | None = None) -> Path | None:
    """Where the manifest of an entry-point value lies: beside its module or in a parent package. Imports nothing."""
    module = value.partition(":")[0]
    top, *inner = module.split(".")
    file = f"{kind}.toml"
    for root in _folders(top, path):
        folders = [root]
        for name in inner:
            folders.append(folders[-1] / name)
        for folder in reversed(folders):
            if (folder / file).is_file():
                return folder / file
    return None


def _found(
    name: str, kind: Kind, value: str, distribution: importlib.metadata.Distribution, path: list[str] | None
) -> Found:
    manifest, where, error = None, None, None
    try:
        where = manifest_path(value, kind, None if path is None else [*path, *_editable(distribution)])
        if where is None:
            error = f"{kind}.toml was not found beside {value.partition(':')[0]}"
        else:
            manifest = read(where)
            if manifest.kind != kind:
                error = f"{where}: describes a {manifest.kind}, the entry point a {kind}"
            elif manifest.name != name:
                error = f"{where}: name is {manifest.name!r}, the entry point is called {name!r}"
    except IsthmusError as failure:
        error = str(failure)
    return Found(
        name,
        kind,
        value,
        distribution.metadata["Name"] or "",
        distribution.version or "",
        None if error else manifest,
        where,
        error,
    )


def _folders(top: str, path: Sequence[str] | None) -> Iterator[Path]:
    """Folders of a top package, without importing it."""
    loaded = sys.modules.get(top)
    if path is None and loaded is not None and getattr(loaded, "__path__", None):
        yield from (Path(folder) for folder in loaded.__path__)
        return
    try:
        spec = importlib.util.find_spec(top) if path is None else PathFinder.find_spec(top, [*path, *_pth(path)])
    except (ImportError, ValueError):
        return
    if spec is not None:
        yield from (Path(folder) for folder in spec.submodule_search_locations or ())


def _pth(path: Sequence[str]) -> Iterator[str]:
    """Folders that ``.pth`` files of another environment add (editable installations); their code lines are not run."""
    for folder in path:
        for file in sorted(Path(folder).glob("*.pth")):
            try:
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            for line in lines:
                entry = line.strip()
                if entry and not entry.startswith(("#", "import ", "import\t")) and Path(folder, entry).is_dir():
                    yield str(Path(folder, entry))


def _editable(distribution: importlib.metadata.Distribution) -> list[str]:
    """Source folder of an editable installation, from its ``direct_url.json``."""
    import json
    from urllib.parse import unquote, urlsplit

    try:
        written = json.loads(distribution.read_text("direct_url.json") or "{}")
        url = urlsplit(written.get("url", ""))
    except (ValueError, AttributeError, OSError):
        return []
    if url.scheme != "file" or not (written.get("dir_info") or {}).get("editable"):
        return []
    root = Path(unquote(url.path))
    return [str(root), str(root / "src")]


def _hooked(value: str, hook: str) -> Any:
    """Import the object, register it as a plugin, and call the hook."""
    import pluggy

    class Plugins(pluggy.PluginManager):
        """Takes unmarked methods with a hook's name too, as the objects of the SDK may have them."""

        def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
            options = super().parse_hookimpl_opts(plugin, name)
            if options is None and name == hook and callable(getattr(plugin, name, None)):
                return {}
            return options

    module_name, _, attribute = value.partition(":")
    if not module_name or not attribute:
        raise ManifestError(f"{value!r} is not an entry point; write package.module:object")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # plugin code may raise anything while it is imported
        raise ManifestError(f"{value}: cannot be imported: {type(error).__name__}: {error}") from error
    plugins = Plugins(PROJECT)
    plugins.add_hookspecs(Hooks)
    try:
        plugins.register(found, name=value)
        return getattr(plugins.hook, hook)()
    except IsthmusError:
        raise
    except Exception as error:
        raise ManifestError(f"{value}: is not a plugin: {type(error).__name__}: {error}") from error


__all__ = ["Found", "discover", "find", "load", "load_platform", "manifest_path"]
