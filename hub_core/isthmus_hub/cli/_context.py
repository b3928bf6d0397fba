"""What commands share: where configuration and state are, how to reach the state, how to print."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from isthmus_hub.config import Config
    from isthmus_hub.hub import Hub

DEFAULT_CONFIG = "isthmus.toml"
CLAIM_SECONDS = 15.0
"""How long another command or a starting daemon is waited for."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help=f"Configuration file (default: {DEFAULT_CONFIG}, or $ISTHMUS_CONFIG).",
        show_default=False,
    ),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", "-s", help="State directory (default: the user's, or $ISTHMUS_STATE_DIR).", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


@dataclass
class Common:
    """Options given before the command."""

    config: Path | None = None
    state_dir: Path | None = None
    clean: Callable[[str], str] = str
    """Takes secrets out of a message, once a hub is open and knows them."""


common = Common()


@dataclass
class Access:
    """The hub behind a command: opened here, or the running daemon."""

    hub: Any
    local: bool
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Access:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def config_path(given: Path | None) -> Path:
    """The configuration file that applies."""
    return given or common.config or Path(os.environ.get("ISTHMUS_CONFIG", DEFAULT_CONFIG))


def state_path(given: Path | None) -> Path:
    """The state directory that applies."""
    from isthmus_hub.runtime import StateDirectory

    chosen = given or common.state_dir or os.environ.get("ISTHMUS_STATE_DIR")
    return Path(chosen) if chosen else StateDirectory.default()


def read_config(given: Path | None) -> Config:
    """Load the configuration. Raises ``ConfigurationError`` with file, line and key."""
    from isthmus_hub.config import load
    from isthmus_sdk.errors import ConfigurationError

    path = config_path(given)
    if not path.exists():
        raise ConfigurationError(
            f"{path}: there is no configuration; name one with --config, or write one with `isthmus init`"
        )
    return load(path, environ=os.environ)


def open_hub(config: Path | None, state_dir: Path | None, *, needs_config: bool = True) -> Access:
    """The hub, with the lock held; where a daemon holds it, the daemon."""
    from isthmus_hub.runtime import StateInUse

    path = config_path(config)
    loaded = read_config(config) if needs_config or path.exists() else None
    while True:
        try:
            hub = claim(loaded, state_path(state_dir))
            break
        except StateInUse as held:
            if not held.answers:
                raise
        if (through := _through_daemon(state_path(state_dir))) is not None:
            return through  # else it stopped in this instant, and its lock is free or will be
    access = Access(hub, local=True)
    access._stack.callback(hub.close)
    log_through(hub)
    return access


def claim(config: Config | None, state_dir: Path) -> Hub:
    """The hub with the lock of its state held, once whatever holds it for a moment has ended.

    A command must not fail because the daemon is starting, nor a daemon because somebody asks for its status just then.
    Raises ``StateInUse``: at once where a daemon answers, else after ``CLAIM_SECONDS``.
    """
    from isthmus_hub import remote
    from isthmus_hub.hub import Hub
    from isthmus_hub.runtime import StateDirectory, StateInUse

    began, said = time.monotonic(), False
    while True:
        waited = time.monotonic() - began
        try:
            return Hub.open(state_dir, config)
        except StateInUse as held:
            if (daemon := remote.reach(StateDirectory.open(state_dir).socket)) is not None:
                daemon.close()
                raise StateInUse(str(held), pid=held.pid, answers=True) from None
            if waited >= CLAIM_SECONDS:
                raise StateInUse(f"{held}; no daemon answers there, so it is another command", pid=held.pid) from None
            if waited >= 1 and not said:
                said = True
                say(f"isthmus: waits up to {CLAIM_SECONDS:.0f} s for process {held.pid}, which uses {state_dir}")
        time.sleep(0.05)


def _through_daemon(state_dir: Path) -> Access | None:
    from isthmus_hub import remote
    from isthmus_hub.runtime import StateDirectory

    daemon = remote.reach(StateDirectory.open(state_dir).socket)
    if daemon is None:
        return None
    access = Access(daemon, local=False)
    access._stack.callback(daemon.close)
    return access


def read_hub(config: Path | None, state_dir: Path | None) -> Access:
    """The hub for reading only, beside whatever else runs."""
    from isthmus_hub.hub import Hub

    path = config_path(config)
    hub = Hub.open(state_path(state_dir), read_config(config) if path.exists() else None, lock=False)
    access = Access(hub, local=True)
    access._stack.callback(hub.close)
    return access


def log_through(hub: Hub, *, daemon: bool = False) -> None:
    """Logs of this process and of its workers, secrets masked, tracebacks too.

    For a command warnings and worse unless the configuration says otherwise.
    """
    from isthmus_hub.runtime import WorkerLog
    from isthmus_hub.telemetry import configure_logging, install_exception_hooks

    common.clean = hub.redactor.text
    install_exception_hooks(hub.redactor)
    hub.observer = WorkerLog()
    telemetry = hub._config.telemetry if hub._config else None
    if daemon and telemetry:
        configure_logging(hub.redactor, format=telemetry.log_format, level=telemetry.log_level)
        return
    configure_logging(
        hub.redactor,
        format=telemetry.log_format if telemetry else "auto",
        level=telemetry.log_level if telemetry and "log_level" in telemetry.model_fields_set else "warning",
    )


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def write_whole(out: Path, content: bytes) -> None:
    """The whole file or what was there before: somebody may be reading it, and a scheduled job may end in the middle.

    Raises ``ConfigurationError`` that names ``--out``.
    """
    from isthmus_sdk.errors import ConfigurationError

    made = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        made.write_bytes(content)
        made.replace(out)
    except OSError as error:
        raise ConfigurationError(f"--out {out}: cannot be written ({error.strerror}); name another file") from error
    finally:
        with suppress(OSError):
            made.unlink(missing_ok=True)


def say(text: str) -> None:
    """A line for a person, on standard error: standard output is for data."""
    print(text, file=sys.stderr)


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, str]], *, empty: str) -> None:
    """Rows as aligned text on standard output; ``columns`` are (key, title)."""
    cells = [[_cell(row.get(key)) for key, _ in columns] for row in rows]
    if not cells:
        print(empty)
        return
    widths = [max(len(title), *(len(row[index]) for row in cells)) for index, (_, title) in enumerate(columns)]
    print("  ".join(title.ljust(width) for (_, title), width in zip(columns, widths, strict=True)).rstrip())
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    from isthmus_hub.telemetry import escape

    if value is None or value == "":
        return "-"
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {count}" for name, count in value.items()) or "-"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value)) or "-"
    return escape(str(value))
