"""The public face: names, import costs that can be counted, and types that survive the decorators."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import isthmus_sdk
from isthmus_sdk import hookspecs, protocol


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_names_of_the_sdk() -> None:
    assert sorted(isthmus_sdk.__all__) == [
        "Builder",
        "Connector",
        "Context",
        "Ignored",
        "IsthmusError",
        "Page",
        "Platform",
        "RecordError",
        "SDK_API",
        "Secret",
        "Settings",
        "Stream",
        "Url",
        "__version__",
        "hookimpl",
    ]
    for name in isthmus_sdk.__all__:
        assert getattr(isthmus_sdk, name) is not None
    assert set(isthmus_sdk.__all__) <= set(dir(isthmus_sdk))


def test_the_hooks_are_two() -> None:
    assert [name for name in vars(hookspecs.Hooks) if name.startswith("isthmus_")] == [
        "isthmus_connector",
        "isthmus_platform",
    ]


def test_importing_the_sdk_loads_nothing_heavy() -> None:
    assert not loaded_by("import isthmus_sdk") & {"httpx", "stix2", "pydantic", "msgspec", "pluggy", "tenacity"}


def test_writing_a_connector_loads_neither_client_nor_stix2() -> None:
    modules = loaded_by("from isthmus_sdk import Connector, Settings, Secret, Context, Ignored, Url")
    assert not modules & {"httpx", "stix2", "tenacity", "zstandard", "isthmus_sdk.stix.builder"}


def test_mapping_offline_loads_no_http_client(tmp_path: Path) -> None:
    packages = Path(__file__).parent / "packages"
    (tmp_path / "a.ndjson").write_text("")
    modules = loaded_by(
        f"import sys; sys.path.insert(0, {str(packages)!r})\n"
        "from isthmus_sdk import cli\n"
        f"assert cli.main(['map', 'acme_connector.connector:acme', 'alerts', {str(tmp_path / 'a.ndjson')!r}]) == 0"
    )
    assert "httpx" not in modules
    assert "stix2" not in modules


def test_the_help_of_the_command_loads_neither_pydantic_nor_stix() -> None:
    modules = loaded_by("from isthmus_sdk import cli\ntry:\n    cli.main(['--version'])\nexcept SystemExit: pass")
    assert not modules & {"pydantic", "msgspec", "isthmus_sdk.stix"}


def test_every_frame_has_its_own_name() -> None:
    frames = [*protocol.WorkerFrame.__args__, *protocol.HubFrame.__args__]
    names = [protocol.frame_type(frame) for frame in frames]
    assert sorted(names) == sorted(
        [
            *(
                "confined",
                "hello",
                "block",
                "quarantine",
                "log",
                "metric",
                "state",
                "done",
                "checked",
                "error",
                "connect",
                "request",
            ),
            *("configure", "run", "check", "ack", "cancel", "drain", "response"),
        ]
    )


TYPED = """
from collections.abc import Iterator
from pydantic import BaseModel
from isthmus_sdk import Builder, Connector, Context, Page, Settings

class Portal(Settings):
    size: int = 5

class Alert(BaseModel):
    id: str

portal = Connector("p", settings=Portal, auth=lambda s: s.size)

@portal.stream("alerts", model=Alert)
def alerts(ctx: Context[Portal]) -> Iterator[Page]:
    reveal_type(ctx.settings)
    return ctx.pages("/v1")

@alerts.maps
def to_stix(alert: Alert, stix: Builder) -> Iterator[dict[str, object]]:
    yield {"id": alert.id}

@portal.check
def check(ctx: Context[Portal]) -> list[str]:
    return []

reveal_type(alerts)
reveal_type(alerts.fn)
reveal_type(alerts.model)
reveal_type(to_stix)
reveal_type(check)
alerts.maps(lambda alert, stix: [alert.no_such_field])
"""


def test_a_type_checker_sees_through_the_decorators(tmp_path: Path) -> None:
    source = tmp_path / "typed.py"
    source.write_text(TYPED)
    root = Path(isthmus_sdk.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(root / "pyproject.toml"), str(source)],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    plain = done.stdout.replace("collections.abc.", "").replace("typing.", "")
    said = [line.partition(": ")[2] for line in plain.splitlines() if "typed.py" in line]
    revealed = [line.removeprefix("note: Revealed type is ").strip('"') for line in said if "Revealed" in line]
    assert revealed == [
        "typed.Portal",
        "isthmus_sdk.connector.Stream[typed.Alert, def (ctx: isthmus_sdk.context.Context[typed.Portal]) -> "
        "Iterator[isthmus_sdk.page.Page]]",
        "def (ctx: isthmus_sdk.context.Context[typed.Portal]) -> Iterator[isthmus_sdk.page.Page]",
        "type[typed.Alert]",
        "def (typed.Alert, isthmus_sdk.stix.builder.Builder) -> Iterator[dict[str, object]]",
        "def (isthmus_sdk.context.Context[typed.Portal]) -> list[str]",
    ]
    assert [line for line in said if line.startswith("error")] == [
        'error: "Alert" has no attribute "no_such_field"  [attr-defined]'
    ]
