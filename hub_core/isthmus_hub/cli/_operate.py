"""Commands that run something: check, sync, run, deliver, status, doctor, demo."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus_hub.cli._context import (
    ConfigOption,
    JsonOption,
    StateOption,
    claim,
    config_path,
    log_through,
    open_hub,
    print_json,
    read_config,
    say,
    state_path,
    table,
)
from isthmus_hub.cli._drift import print_drift
from isthmus_sdk.errors import AuthenticationError

if TYPE_CHECKING:
    from isthmus_hub.runtime import StreamRun

PARTIAL = 4
DELIVERY_COLUMNS = [
    ("platform", "PLATFORM"), ("in", "IN"), ("accepted", "ACCEPTED"), ("duplicate", "DUPLICATE"), ("rejected", "REJECTED"),
    ("dropped", "DROPPED"), ("pending", "PENDING"), ("problem", "PROBLEM"),
]  # fmt: skip
HUB_COLUMNS = [
    ("name", "HUB"), ("role", "ROLE"), ("state", "STATE"), ("last_block", "LAST BLOCK"), ("last_heard", "LAST HEARD"),
    ("pending", "PENDING"),
]  # fmt: skip


def check(
    name: Annotated[
        str,
        typer.Argument(
            help="A connector instance or a platform of the configuration, or `forward`: the link to the centre."
        ),
    ],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Settings, reachability, authentication and permissions of one instance or platform.

    What a stream of the instance may not read is marked `!`, and the exit code is 3.
    """
    with open_hub(config, state_dir) as access:
        found = access.hub.check(name=name)
    if json:
        print_json(found)
    else:
        print(f"{name}: ok" if found["ok"] else f"{name}: signed in, but something that it reads is refused")
        for finding in found["findings"]:
            print(f"{'!' if finding in found['lacking'] else ' '} {finding}")
    return 0 if found["ok"] else AuthenticationError.exit_code


def sync(
    names: Annotated[list[str] | None, typer.Argument(help="Instances to run; all of them without a name.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep the raw pages below this directory.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """One pass: fetch, resolve, deliver, exit."""
    with open_hub(config, state_dir) as access:
        if access.local:
            with _progress(access.hub, wanted=not json):
                found = access.hub.sync(names=names or (), record=str(record.resolve()) if record else None)
        else:
            say("a daemon holds the state: it runs the pass")
            found = access.hub.sync(names=names or [], record=str(record.resolve()) if record else None)
    if json:
        print_json(found)
    else:
        _print_sync(found)
    return exit_code(found)


def exit_code(found: Mapping[str, Any]) -> int:
    """0, or 4 where something was quarantined, rejected or failed beside what ran, or the one reason why nothing ran."""
    failed = [row["error"] for row in found["runs"] if row["error"]]
    broken = [row for row in found["deliveries"] if row["error"]]
    if failed and len(failed) == len(found["runs"]):
        codes = {{"configuration": 2, "authentication": 3}.get(error["group"], 1) for error in failed}
        return codes.pop() if len(codes) == 1 else 1
    if not found["runs"] and broken and len(broken) == len(found["deliveries"]):
        codes = {{"configuration": 2, "authentication": 3}.get(row.get("group"), 1) for row in broken}
        return codes.pop() if len(codes) == 1 else 1
    forward = found.get("forward")
    partial = (
        failed
        or (forward and forward["pending"])
        or broken
        or any(row["quarantined"] for row in found["runs"])
        or any(row["rejected"] for row in found["deliveries"])
    )
    return PARTIAL if partial else 0


def _print_sync(found: Mapping[str, Any]) -> None:
    rows = [
        {**row, "problem": f"{row['error']['kind']}: {row['error']['message']}" if row["error"] else ""}
        for row in found["runs"]
    ]
    table(
        rows,
        [
            ("instance", "INSTANCE"),
            ("stream", "STREAM"),
            ("pages", "PAGES"),
            ("records", "RECORDS"),
            ("objects", "OBJECTS"),
            ("unchanged", "UNCHANGED"),
            ("ignored", "IGNORED"),
            ("quarantined", "QUARANTINED"),
            ("problem", "PROBLEM"),
        ],
        empty="No connector instance is configured.",
    )
    for row in rows:
        _print_snapshot(row)
        _print_drift(row)
    if rows:
        print()
    if forward := found.get("forward"):
        _print_forward(forward)
    if found["deliveries"] or not forward:
        print_deliveries(found["deliveries"])


def _print_snapshot(row: Mapping[str, Any]) -> None:
    """What a complete snapshot said, where it is news."""
    snapshot, name = row["snapshot"], f"{row['instance']}/{row['stream']}"
    if not snapshot:
        return
    if snapshot["reason"]:
        print(f"{name}: nothing was marked absent: {snapshot['reason']}")
    elif snapshot["held"]:
        _print_held(name, snapshot, f"isthmus assets confirm-absence {row['instance']} {row['stream']}")
    elif snapshot["vanished"]:
        print(f"{name}: {snapshot['vanished']} vanished and are marked absent")


def _print_drift(row: Mapping[str, Any]) -> None:
    """Fields that are not what the connector expects; those it does not name are no news by themselves."""
    for what in ("missing", "changed", "dropped"):
        fields = row["drift"].get(what, {})
        if fields:
            told = ", ".join(f"{field} ({count})" for field, count in list(fields.items())[:5])
            print(f"{row['instance']}/{row['stream']}: fields {what}: {told}{', ...' if len(fields) > 5 else ''}")


def _print_held(name: str, snapshot: Mapping[str, Any], confirm: str) -> None:
    print(
        f"  warning: {name}: snapshot held, nothing was marked absent: {snapshot['held']} ({snapshot['vanished']} vanished, "
        f"{snapshot['present']} present); if that is true: {confirm}"
    )


def _print_forward(row: Mapping[str, Any]) -> None:
    """The link of a collector."""
    waits = f", {row['pending']} entries wait" if row["pending"] else ", everything is there"
    durability = f", durability {row['durability']}" if row["durability"] else ""
    print(f"forward to {row['to']}: link {row['link']}{durability}{waits}")
    if row["error"]:
        print(f"  {row['error']}")
    for warning in row["warnings"]:
        print(f"  warning: {warning}")


def print_deliveries(rows: Iterable[Mapping[str, Any]]) -> None:
    """What each platform took."""
    rows = [{**row, "problem": row["error"]} for row in rows]
    table(rows, DELIVERY_COLUMNS, empty="No platform is configured: nothing was delivered.")
    if rows and all(row["in"] == 0 and not row["error"] for row in rows):
        print("Nothing new to deliver.")


class _progress:
    """Counts per instance while standard error is a terminal; nothing otherwise."""

    def __init__(self, hub: Any, *, wanted: bool) -> None:
        self._hub = hub
        self._logs = hub.observer
        self._wanted = wanted and sys.stderr.isatty()
        self._bar: Any = None
        self._tasks: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> None:
        if self._wanted:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                TextColumn("{task.fields[counts]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._hub.observer = self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def log(self, instance: str, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """Worker logs go where they would go without a bar."""
        self._logs.log(instance, level, event, fields)

    def progress(self, run: StreamRun) -> None:
        """Move the line of one stream."""
        key = (run.instance, run.stream)
        counts = f"{run.pages} pages, {run.records} records, {run.objects} objects" + (
            f", {run.quarantined} quarantined" if run.quarantined else ""
        )
        if key not in self._tasks:
            self._tasks[key] = self._bar.add_task(f"{run.instance} {run.stream}", counts=counts, total=None)
        self._bar.update(self._tasks[key], counts=counts)


def run(config: ConfigOption = None, state_dir: StateOption = None) -> int:
    """The daemon: schedule, resolve, deliver. SIGHUP reads the configuration again, SIGTERM drains."""
    from isthmus_hub.daemon import Daemon

    with claim(read_config(config), state_path(state_dir)) as hub:
        log_through(hub, daemon=True)
        Daemon(hub, config_path(config)).run()
    return 0


def deliver(
    name: Annotated[str, typer.Argument(help="A platform of the configuration.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", help="Start anew: `store` for every current object, or an offset of `resolved`."),
    ] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    json: JsonOption = False,
) -> int:
    """Deliver to one platform what is waiting for it."""
    with open_hub(config, state_dir) as access:
        found = access.hub.deliver(name=name, from_=from_)
    if json:
        print_json(found)
    else:
        print_deliveries(found["deliveries"])
    return exit_code({"runs": [], **found})


def status(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Instances, platforms and the bus, as they are now."""
    from isthmus_hub.views import told_of_expired

    with open_hub(config, state_dir) as access:
        found = access.hub.status()
    if json:
        print_json(found)
        return 0
    columns = [
        ("name", "INSTANCE"),
        ("use", "CONNECTOR"),
        ("state", "STATE"),
        ("last_success", "LAST SUCCESS"),
        ("records", "RECORDS"),
        ("quarantined", "QUARANTINED"),
        ("isolation", "ISOLATION"),
        ("error", "ERROR"),
    ]
    table(found["instances"], columns, empty="No connector instance is configured.")
    for instance in found["instances"]:
        if instance["isolation_reason"]:
            print(f"{instance['name']}: isolation {instance['isolation']}, no more: {instance['isolation_reason']}")
        for waiting in instance["held"]:
            _print_held(f"{instance['name']}/{waiting['stream']}", waiting, waiting["confirm"])
        for row in instance["drift"]:
            print_drift(instance["name"], row)
        for receiver in instance["receivers"]:
            _print_receiver(instance["name"], receiver)
    print()
    print_deliveries_totals(found["platforms"])
    for platform in found["platforms"]:
        if platform["expired"]:
            print(f"  warning: {told_of_expired(platform['name'], platform['expired'])}")
    print()
    bus = found["bus"]
    ends = ", ".join(f"{stream['name']} {stream['last']}" for stream in bus["streams"]) or "empty"
    print(f"bus: {bus['engine']}, durability {bus['durability']}; {ends}")
    for warning in (*bus["warnings"], *found["conflicts"]):
        print(f"  warning: {warning}")
    if found["forward"]:
        _print_forward(found["forward"])
    if found["hubs"]:
        print()
        table(found["hubs"], HUB_COLUMNS, empty="")
    return 0


def _print_receiver(name: str, row: Mapping[str, Any]) -> None:
    """What is received for one stream, and what was not."""
    print(f"{name}/{row['stream']}: {row['received']} received, {row['spool_bytes']} bytes wait for a run")
    for one in row["listen"]:
        print(f"  {one['address']}: {'listening' if one['listening'] else one['error'] or 'not listening'}")
    for reason, count in row["refused"].items():
        print(f"  {count} {reason}")
    if row["error"]:
        print(f"  warning: {row['error']}")


def print_deliveries_totals(rows: Iterable[Mapping[str, Any]]) -> None:
    """Counts over each platform's life."""
    table([{**row, "problem": row.get("error")} for row in rows], DELIVERY_COLUMNS, empty="No platform is configured.")


def doctor(config: ConfigOption = None, state_dir: StateOption = None, json: JsonOption = False) -> int:
    """Is this machine fit to run a hub? Each finding says what to do about it."""
    from isthmus_hub.doctor import examine

    findings = examine(config_path(config), state_path(state_dir))
    worst = max((finding.level for finding in findings), key=("ok", "warning", "problem").index, default="ok")
    if json:
        print_json(
            {
                "findings": [
                    {"level": finding.level, "subject": finding.subject, "text": finding.text} for finding in findings
                ],
                "worst": worst,
            }
        )
    else:
        for finding in findings:
            print(f"{finding.level.upper():8} {finding.subject}: {finding.text}")
    return 2 if worst == "problem" else 0


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(help="Leave configuration, state and the simulators' start command in this directory."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The simulated site follows from it.")] = 7,
    json: JsonOption = False,
) -> int:
    """A simulated site: six products read into one inventory, delivered and explained."""
    from isthmus_hub.demo import run_demo
    from isthmus_hub.hub import Hub

    def demonstrate(config_file: Path, state: Path) -> dict[str, Any]:
        with Hub.open(state, config_file) as hub, _progress(hub, wanted=not json):
            synced = hub.sync()
            return {
                "sync": synced,
                **hub.assets(),
                **hub.gaps(),
                "coverage": hub.coverage()["cells"],
                "report": hub.report(),
            }

    return run_demo(keep, demonstrate, seed=seed, as_json=json)
