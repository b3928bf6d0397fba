"""From ``sys.argv`` to an exit code; every error becomes one line on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

FORWARDED = {"map": ("map",), "stix": ("stix",), "test": ("test",)}
"""Commands that the SDK's own command line implements; the same functions, the same options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in FORWARDED:
        from isthmus_sdk.cli import main as sdk

        return sdk(given)
    return _typer(given)


def _typer(arguments: list[str]) -> int:
    import typer

    from isthmus_hub.cli._app import app
    from isthmus_hub.cli._context import common
    from isthmus_sdk.errors import IsthmusError

    # Parent of whatever is wrong with the arguments: a typer either brings its own click or uses the installed one.
    misuse: Any = typer.BadParameter.__mro__[2]
    try:
        code = app(arguments, prog_name="isthmus", standalone_mode=False)
    except IsthmusError as error:
        print(f"isthmus: {common.clean(str(error))}", file=sys.stderr)
        return error.exit_code
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("isthmus: interrupted; nothing that was acknowledged is lost", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except misuse as error:
        error.show()
        return 2
    return code if isinstance(code, int) else 0
