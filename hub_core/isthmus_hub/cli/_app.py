"""The tree of commands. Each imports what it needs when it runs, so that ``--help`` stays quick."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus_hub.cli import (
    _bus,
    _context,
    _coverage,
    _decisions,
    _drift,
    _explore,
    _inventory,
    _operate,
    _plugins,
    _repair,
    _report,
    _setup,
    _zones,
)
from isthmus_hub.cli._context import ConfigOption, StateOption

app = typer.Typer(
    name="isthmus",
    help="Vendor-neutral integration hub: partner products in, one STIX 2.1 stream and inventory, your primary platform out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"isthmus {version('isthmus')}")
        raise typer.Exit


@app.callback()
def _common(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    _context.common.config, _context.common.state_dir = config, state_dir


def _forwarded(name: str, text: str) -> None:
    """Commands that ``main`` hands to the SDK before it comes here; listed for ``--help``."""

    @app.command(name, help=text, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def command(context: typer.Context) -> int:
        from isthmus_sdk.cli import main

        return main([name, *context.args])


app.command("init")(_setup.init)
app.add_typer(_setup.config, name="config")
app.add_typer(_setup.secret, name="secret")
app.add_typer(_plugins.connector, name="connector")
app.add_typer(_plugins.platform, name="platform")
app.command("check")(_operate.check)
app.command("preview")(_plugins.preview)
_forwarded("map", "Raw pages in, STIX NDJSON out; no network, no state. See `isthmus map --help`.")
_forwarded("test", "The conformance kit: a connector against a hostile vendor. See `isthmus test --help`.")
app.command("sync")(_operate.sync)
app.command("run")(_operate.run)
app.command("deliver")(_operate.deliver)
app.command("status")(_operate.status)
app.command("export")(_inventory.export)
app.add_typer(_inventory.assets, name="assets")
_inventory.assets.command("merge")(_decisions.merge)
_inventory.assets.command("split")(_decisions.split)
_inventory.assets.command("undo")(_decisions.undo)
_inventory.assets.command("decisions")(_decisions.decisions)
app.command("zones")(_zones.zones)
app.command("coverage")(_coverage.coverage)
app.command("gaps")(_coverage.gaps)
app.command("exposures")(_coverage.exposures)
app.command("report")(_report.report)
app.command("compare-primaries")(_coverage.compare_primaries)
app.add_typer(_repair.quarantine, name="quarantine")
app.add_typer(_repair.dead, name="dead")
app.add_typer(_drift.drift, name="drift")
app.add_typer(_bus.bus, name="bus")
app.add_typer(_explore.store, name="store")
_forwarded("stix", "`stix check`: objects, a bundle or NDJSON against the rules of STIX 2.1.")
app.command("doctor")(_operate.doctor)
app.command("demo")(_operate.demo)
