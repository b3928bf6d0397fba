"""Making an environment from wheels: unpacked, compiled, never started."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

import isthmus_sdk
from isthmus_hub.runtime._bounds import Bounds
from isthmus_hub.runtime.environments._needs import SDK
from isthmus_hub.runtime.environments._wheel import Wheel, unpack
from isthmus_sdk.errors import ConfigurationError

_COMPILE_SECONDS = 300.0


def build(folder: Path, wheels: Sequence[Wheel], own: Sequence[str]) -> None:
    """A virtual environment in ``folder`` with the wheels, and the hub's ``own`` distributions of these names.

    No code of a wheel runs, now or at the start of the environment. Raises :class:`ConfigurationError`.
    """
    try:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"{folder}: a virtual environment cannot be made: {error}") from None
    site = site_of(folder)
    for name in own:
        _copy(importlib.metadata.distribution(name), site)
    for wheel in wheels:
        unpack(wheel, site)
    _compile(site)


def site_of(folder: Path) -> Path:
    """Where the packages of an environment lie."""
    places = {"base": str(folder), "platbase": str(folder)}
    return Path(sysconfig.get_path("purelib", "venv", vars=places))


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def _copy(distribution: importlib.metadata.Distribution, site: Path) -> None:
    """One of the hub's own distributions, as its files lie here; start-up files and scripts stay."""
    root = Path(str(distribution.locate_file("")))
    copied = False
    for file in _files(distribution):
        source, target = root / file, site / file
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            copied = copied or file.suffix == ".py"
    if distribution.metadata["Name"] == SDK and not (site / "isthmus_sdk").exists():  # installed for development
        shutil.copytree(
            Path(isthmus_sdk.__file__).parent, site / "isthmus_sdk", ignore=shutil.ignore_patterns("__pycache__")
        )
        copied = True
    if not copied and not any(file.suffix == ".so" for file in _files(distribution)):
        raise ConfigurationError(
            f"{distribution.metadata['Name']}: its files cannot be found beside the hub; give a wheel of it in the lock"
        )


def _files(distribution: importlib.metadata.Distribution) -> Iterator[Path]:
    for file in distribution.files or ():
        path = Path(str(file))
        if not path.is_absolute() and ".." not in path.parts and path.suffix not in (".pth", ".pyc"):
            yield path


def _compile(site: Path) -> None:
    """Byte code for all modules, since a confined worker writes none. Compiling runs nothing, but may be made to be slow."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-m", "compileall", "-q", "-r", "30", str(site)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
    )
    Bounds().hold(process.pid)
    try:
        process.wait(_COMPILE_SECONDS)  # a module that cannot be compiled fails when it is imported, and says why
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{site}: its modules could not be compiled in {_COMPILE_SECONDS:.0f} s") from None
    finally:
        process.kill()
        process.wait()


__all__ = ["build", "python_of", "site_of"]
