"""``new``: the project of a connector, and what to do next."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from isthmus_sdk.errors import ConfigurationError


def new_project(name: str, *, auth: str, paging: str, directory: Path) -> Path:
    """Write the project ``NAME-connector`` in ``directory`` and return its folder.

    Raises ``ConfigurationError`` where the name cannot be used or is taken, or where something lies there already.
    """
    from isthmus_sdk import __version__, loader, scaffold

    folder = directory / f"{name}-connector"
    scaffold.check_name(name, {found.name for found in loader.discover(kinds=["connector"])})
    package = f"{name.replace('-', '_')}_connector"
    if importlib.util.find_spec(package) is not None:
        raise ConfigurationError(f"a package {package} can be imported here already; choose another name")
    scaffold.write(folder, scaffold.files(name, auth=auth, paging=paging, sdk=__version__))
    return folder


def next_steps(name: str, folder: Path) -> str:
    """What to do with a project that was just written."""
    package = f"{name.replace('-', '_')}_connector"
    return f"""\
{folder}: 5 files

  cd {folder}
  isthmus-sdk test {name}                                        # green now, and to be kept so
  $EDITOR {package}/connector.py tests/pages/devices.json
  isthmus-sdk preview {name} devices tests/pages/devices.json    # each record beside what it becomes
  isthmus-sdk map {name} devices tests/pages/devices.json --loss >/dev/null   # which vendor fields are not used
  isthmus-sdk manifest {name} --write                            # settings, secrets and streams from the code
  pip install -e .                                              # beside a hub: `use = "{name}"`"""


__all__ = ["new_project", "next_steps"]
