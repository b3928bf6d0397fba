"""The files of a new connector: from a name and two choices to texts, and from texts to a folder."""

from __future__ import annotations

import builtins
import importlib.resources
import keyword
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from string import Template
from typing import TypeVar

from isthmus_sdk.errors import ConfigurationError
from isthmus_sdk.scaffold._choices import AUTH, PAGING, AuthChoice

_C = TypeVar("_C")
_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,39}")
_SDK_NAMES = ("Builder", "Connector", "Context", "Page", "Settings", "Url")


def check_name(name: str, taken: Collection[str] = ()) -> None:
    """Raise ``ConfigurationError`` for what cannot be a connector's name, with one that can; ``taken``: installed ones."""
    if not _NAME.fullmatch(name):
        fitting = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:40].strip("-")
        hint = f"; {fitting!r} would do" if _NAME.fullmatch(fitting) else ""
        raise ConfigurationError(
            f"{name!r} cannot be a connector's name: up to 40 lower-case letters, digits and single hyphens, "
            f"a letter first{hint}"
        )
    if name in taken:
        raise ConfigurationError(
            f"a connector {name!r} is installed already; choose another name, such as {name + '-2'!r}"
        )


def files(name: str, *, auth: str = "api-key", paging: str = "cursor", sdk: str) -> dict[str, str]:
    """Path below the project's folder -> text, for a connector ``name`` that needs isthmus-sdk ``sdk`` or later.

    Raises ``ConfigurationError`` for a name or choice that does not exist.
    """
    check_name(name)
    how, pages = _chosen("--auth", auth, AUTH), _chosen("--paging", paging, PAGING)
    package = f"{name.replace('-', '_')}_connector"
    title = name.replace("-", " ").title()
    values = {
        "name": name,
        "title": title,
        "package": package,
        "object": _object(name),
        "distribution": f"{name}-connector",
        "sdk": sdk,
        "sdk_names": ", ".join(sorted([*_SDK_NAMES, *(["Secret"] if how.secrets else [])])),
        "http_names": ", ".join(sorted({kind for kind in ("Rate", how.kind, pages.kind) if kind})),
        "settings": "".join(_field(name, "str", text) for name, text in how.settings)
        + "".join(_field(name, "Secret", text) for name, text in how.secrets),
        "auth": f"    auth=lambda s: {how.kind}({how.arguments}),\n" if how.kind else "",
        "pager": pages.pager,
        "declared": _declared(how),
        "rest": pages.rest,
    }
    return {
        "pyproject.toml": _filled("pyproject.toml", values),
        f"{package}/__init__.py": f'"""Isthmus connector for {title}."""\n',
        f"{package}/connector.py": _filled("connector.py", values),
        f"{package}/connector.toml": _filled("connector.toml", values),
        "tests/pages/devices.json": _filled("devices.json", values),
    }


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Make ``folder`` with these files: all of them or none. Raises ``ConfigurationError`` where something is there."""
    if folder.exists() or folder.is_symlink():
        raise ConfigurationError(f"{folder}: exists already and is left as it is; remove it or choose another name")
    if not folder.parent.is_dir():
        raise ConfigurationError(f"{folder.parent}: is not a folder; make it first")
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, text in texts.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, encoding="utf-8", newline="\n")
        made.chmod(0o755)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _chosen(option: str, word: str, choices: Mapping[str, _C]) -> _C:
    if word not in choices:
        raise ConfigurationError(f"{option} {word!r} is unknown; one of {', '.join(choices)}")
    return choices[word]


def _object(name: str) -> str:
    """What the connector is called in its code: its name, unless that means something else there."""
    word = name.replace("-", "_")
    means_more = keyword.iskeyword(word) or hasattr(builtins, word)
    return f"{word}_connector" if means_more or re.search(rf"\b{word}\b", _template("connector.py")) else word


def _field(name: str, kind: str, description: str) -> str:
    return f'    {name}: {kind} = Field(description="{description}")\n'


def _declared(how: AuthChoice) -> str:
    settings = [
        f'[settings.{name}]\ndescription = "{text}"\ntype = "string"\nrequired = true\n\n'
        for name, text in how.settings
    ]
    secrets = [f'[secrets.{name}]\ndescription = "{text}"\nrequired = true\n\n' for name, text in how.secrets]
    return "".join([*settings, *secrets])


def _filled(template: str, values: Mapping[str, str]) -> str:
    return Template(_template(template)).substitute(values)


def _template(name: str) -> str:
    return (importlib.resources.files("isthmus_sdk.scaffold") / "templates" / f"{name}.txt").read_text(encoding="utf-8")


__all__ = ["check_name", "files", "write"]
