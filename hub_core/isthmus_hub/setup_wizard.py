"""``isthmus init``: a first configuration from a few answers."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus_sdk.loader import Found, discover


@dataclass
class Answers:
    """What the operator wants to begin with."""

    hub: str = "hub"
    connectors: list[str] = field(default_factory=list)
    directory: str = "delivered"


def ask(name: str | None) -> Answers:
    """Ask on the terminal (standard error and input)."""
    hub = name or _question("Name of this hub (part of every block id, choose it once)", "hub")
    known = [found.name for found in discover(kinds=["connector"]) if found.manifest]
    wanted = _question(f"Connectors to configure, comma-separated ({', '.join(known)})", "")
    directory = _question("Directory for delivered STIX bundles", "delivered")
    return Answers(hub, [word.strip() for word in wanted.split(",") if word.strip() in known], directory)


def write(path: Path, answers: Answers) -> list[str]:
    """Write the file; returns what to do next."""
    plugins = {found.name: found for found in discover(kinds=["connector"])}
    chosen = [plugins[name] for name in answers.connectors if name in plugins]
    path.write_text(text(answers, chosen))
    steps = (
        [f"edit {path}: fill in the settings marked with ..."]
        if chosen
        else [f"add a connector to {path}; `isthmus connector list` names them"]
    )
    steps += [
        f"isthmus secret set {found.name}/{secret}"
        for found in chosen
        if found.manifest
        for secret in found.manifest.secrets
    ]
    return [*steps, "isthmus config check", "isthmus sync"]


def text(answers: Answers, connectors: list[Found]) -> str:
    """The configuration as TOML, with the required settings of each connector to fill in."""
    parts = [f'[hub]\nname = "{answers.hub}"\nprimary = "files"\n']
    for found in connectors:
        assert found.manifest is not None
        settings = ", ".join(
            f"{name} = {_example(schema)}"
            for name, schema in found.manifest.settings.items()
            if schema.get("required") is True
        )
        secrets = ", ".join(f'{name} = "vault:{found.name}/{name}"' for name in found.manifest.secrets)
        lines = [f"[connector.{found.name}]", f'use = "{found.name}"', f'source_id = "{found.name}"']
        lines += [f"settings = {{ {settings} }}"] if settings else []
        lines += [f"secrets = {{ {secrets} }}"] if secrets else ['files = { conn = "logs/conn*.log" }']
        parts.append("\n".join(lines) + "\n")
    parts.append(f'[platform.files]\nuse = "file"\nsettings = {{ directory = "{answers.directory}" }}\n')
    return "\n".join(parts)


def _example(schema: dict[str, Any]) -> str:
    return {"integer": "0", "boolean": "false"}.get(str(schema.get("type")), '"..."')


def _question(text: str, default: str) -> str:
    print(f"{text}{f' [{default}]' if default else ''}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or default
