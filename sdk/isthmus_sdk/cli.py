"""``isthmus-sdk``: what an author needs without the hub.

Exit codes: 0 ok, 1 fault, 2 configuration, 3 authentication, 4 partial (something was quarantined or is invalid).
Data on standard output, everything else on standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from isthmus_sdk.errors import ConfigurationError, IsthmusError

Run = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    options = parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has left; so that the interpreter does not complain about it when it flushes at exit:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except IsthmusError as error:
        _say(f"{type(error).__name__}: {error}")
        return error.exit_code
    except OSError as error:
        _say(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line as ``argparse`` sees it."""
    top = argparse.ArgumentParser(
        prog="isthmus-sdk", description="Write and try a connector for Isthmus.", allow_abbrev=False
    )
    from isthmus_sdk import __version__

    top.add_argument("--version", action="version", version=f"isthmus-sdk {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _new_command(commands)
    _map_command(commands)
    _preview_command(commands)
    _manifest_command(commands)
    _test_command(commands)
    _docs_command(commands)
    _stix_command(commands)
    return top


def _new_command(commands: Any) -> None:
    command = commands.add_parser("new", help="a connector to begin with: five files that are green at once")
    command.add_argument("name", metavar="NAME", help="of the connector: lower-case letters, digits and hyphens")
    command.add_argument(
        "--auth", default="api-key", metavar="KIND", help="api-key (default), bearer, basic, oauth2, none"
    )
    command.add_argument(
        "--paging", default="cursor", metavar="KIND", help="cursor (default), page, offset, link, none"
    )
    command.add_argument(
        "--directory", type=Path, default=Path(), metavar="DIR", help="where NAME-connector/ is made (default: here)"
    )
    command.set_defaults(run=_new)


def _map_command(commands: Any) -> None:
    command = commands.add_parser("map", help="raw pages in, STIX NDJSON out; no network, no state")
    _connector_and_stream(command)
    command.add_argument("files", nargs="*", metavar="FILE", default=["-"], help="input; - is standard input (default)")
    command.add_argument("--source-id", default="local", help="what native ids belong to (default: local)")
    command.add_argument("--scope", default="default", help="address scope of every interface (default: default)")
    command.add_argument("--set", action="append", default=[], metavar="K=V", help="a setting of the connector")
    command.add_argument("--observed-at", metavar="TIME", help="time of observation instead of the file's own")
    command.add_argument("--loss", action="store_true", help="report vendor fields that the model does not name")
    command.add_argument("--report", metavar="FILE", type=Path, help="write the account of all records as JSON")
    command.add_argument("--json", action="store_true", help="print the account instead of the objects")
    command.set_defaults(run=_map)


def _preview_command(commands: Any) -> None:
    command = commands.add_parser("preview", help="raw records and their STIX side by side")
    _connector_and_stream(command)
    command.add_argument("files", nargs="*", metavar="FILE", help="read files instead of the vendor's API")
    command.add_argument("--limit", type=int, default=3, metavar="N", help="records to show (default: 3)")
    command.add_argument("--set", action="append", default=[], metavar="K=V", help="a setting of the connector")
    command.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="NAME=REF",
        help="a secret: env:VARIABLE or file:PATH, never a value",
    )
    command.add_argument("--tls-pin", metavar="sha256:HEX", help="certificate of an appliance that signs its own")
    command.add_argument("--source-id", default="local")
    command.add_argument("--scope", default="default")
    command.add_argument("--json", action="store_true", help="one JSON object per record")
    command.set_defaults(run=_preview)


def _manifest_command(commands: Any) -> None:
    command = commands.add_parser("manifest", help="show, check or regenerate connector.toml or platform.toml")
    command.add_argument("connector", metavar="NAME", help="of a connector or platform, or package.module:object")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="regenerate settings, secrets and streams from the code")
    how.add_argument("--check", action="store_true", help="exit 2 where the manifest and the code differ")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_manifest)


def _test_command(commands: Any) -> None:
    command = commands.add_parser(
        "test",
        help="the conformance kit: a connector against a vendor that plays its recorded pages, well and badly",
        description=(
            "Look at a connector, rule by rule and fault by fault. Exit code 4 where something is left to do up to the level."
        ),
    )
    command.add_argument("connector", metavar="NAME", help="of an installed connector, or package.module:object")
    command.add_argument("--level", choices=("bronze", "silver", "gold"), default="bronze", help="(default: bronze)")
    command.add_argument(
        "--folder", type=Path, metavar="DIR", help="where pages/ and conformance.toml lie (default: tests/ beside it)"
    )
    command.add_argument("--only", action="append", default=[], metavar="RULE", help="this rule or fault alone")
    command.add_argument("--no-write", action="store_true", help="write no golden objects where there are none")
    command.add_argument("--record", action="store_true", help="write into connector.toml which level was reached")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--badge", action="store_true", help="print the one line for a README")
    how.add_argument("--json", action="store_true", help="one JSON document with every rule")
    command.set_defaults(run=_test)


def _docs_command(commands: Any) -> None:
    command = commands.add_parser(
        "docs",
        help="the page of a connector: what it sees and needs, and where each of the vendor's fields goes",
        description=(
            "Written from manifest, code and recorded pages. Where a field goes is found by changing it and looking at the objects. "
            "With several names an index is written beside the pages."
        ),
    )
    command.add_argument("connectors", nargs="+", metavar="NAME", help="of a connector, or package.module:object")
    command.add_argument(
        "--output", type=Path, metavar="PATH", help="file, or directory for NAME.md (default: standard output)"
    )
    command.add_argument(
        "--folder", type=Path, metavar="DIR", help="where pages/ and conformance.toml lie (default: tests/ beside it)"
    )
    command.set_defaults(run=_docs)


def _stix_command(commands: Any) -> None:
    group = commands.add_parser("stix", help="work with STIX objects").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    command = group.add_parser(
        "check",
        help="objects, a bundle or NDJSON against the rules of STIX 2.1",
        description=(
            "Objects, bundles, lists and NDJSON against the rules of STIX 2.1, as gzip or zstd too, of any size. Errors are "
            "what the standard forbids, warnings what it advises against. Exit code 4 where an object is invalid."
        ),
    )
    command.add_argument(
        "files", nargs="*", metavar="FILE", default=["-"], help="files or directories; - is standard input (default)"
    )
    command.add_argument("--warnings", action="store_true", help="list each warning; they are counted by rule anyway")
    command.add_argument(
        "--errors-only",
        action="store_true",
        help="look for errors alone: no warnings, no references; about twice as fast",
    )
    command.add_argument("--pedantic", action="store_true", help="exit code 4 where there are warnings, too")
    command.add_argument("--upgrade", action="store_true", help="check STIX 2.0 as the STIX 2.1 that it becomes")
    command.add_argument(
        "--limit", type=int, metavar="N", help="errors, and warnings, to list (default: 10000; 0: all); all are counted"
    )
    command.add_argument("--json", action="store_true", help="one JSON document, with file and line of each entry")
    command.set_defaults(run=_stix_check)
    command = group.add_parser("upgrade", help="STIX 2.0 in, STIX 2.1 out, one object a line")
    command.add_argument(
        "files", nargs="*", metavar="FILE", default=["-"], help="files or directories; - is standard input (default)"
    )
    command.set_defaults(run=_stix_upgrade)


def _connector_and_stream(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "connector", metavar="CONNECTOR", help="name of an installed connector, or package.module:object"
    )
    command.add_argument("stream", metavar="STREAM")


def _new(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.new import new_project, next_steps

    folder = new_project(options.name, auth=options.auth, paging=options.paging, directory=options.directory)
    print(next_steps(options.name, folder))
    return 0


def _map(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.connectors import key_values, load_connector, stream_of
    from isthmus_sdk.commands.map import MapOptions, map_files
    from isthmus_sdk.reasons import NONE

    connector = load_connector(options.connector)
    loss = options.loss or options.report is not None
    stream = stream_of(connector, options.stream)
    result = map_files(
        connector,
        stream,
        options.files,
        MapOptions(
            source_id=options.source_id,
            scope=options.scope,
            settings=key_values(options.set),
            observed_at=_time(options.observed_at),
            loss=loss,
            reasons=_reasons(connector, stream.name) if loss else NONE,
        ),
        standard_input=sys.stdin.buffer,
        notice=_say,
    )
    if options.report is not None:
        options.report.write_text(json.dumps(result.report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.json:
        _print_json(result.report)
    else:
        sys.stdout.buffer.writelines(line + b"\n" for line in result.objects)
        sys.stdout.buffer.flush()
        _summary(result.report, show_loss=options.loss)
    if result.problem:
        _say(result.problem)
    return result.exit_code


def _reasons(connector: Any, stream: str) -> Any:
    from isthmus_sdk.testing import read_case

    return read_case(connector).reasons(stream)


def _preview(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.connectors import key_values, load_connector, stream_of
    from isthmus_sdk.commands.preview import preview, render, secret_references

    connector = load_connector(options.connector)
    code = 0
    for shown in preview(
        connector,
        stream_of(connector, options.stream),
        files=options.files,
        limit=options.limit,
        settings=key_values(options.set),
        secrets=secret_references(options.secret),
        tls={"pin": options.tls_pin} if options.tls_pin else None,
        source_id=options.source_id,
        scope=options.scope,
        notice=_say,
    ):
        print(json.dumps(shown, ensure_ascii=False) if options.json else render(shown))
        code = 4 if "error" in shown else code
    return code


def _manifest(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.connectors import load_plugin
    from isthmus_sdk.commands.manifest import drift, path_of, regenerate
    from isthmus_sdk.manifest import read

    plugin = load_plugin(options.connector)
    path = path_of(plugin)
    if options.write:
        changed = regenerate(plugin, path)
        _say(f"{path}: {'written' if changed else 'is up to date'}")
        return 0
    differences = drift(plugin)
    if options.check:
        for difference in differences:
            _say(f"{path}: {difference}")
        return ConfigurationError.exit_code if differences else 0
    _print_json({**read(path).model_dump(mode="json"), "drift": differences})
    return 0


def _test(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.test import record, run_kit

    if options.record and options.only:
        raise ConfigurationError("--record: with --only nothing is known of the levels; leave one of them out")
    report = run_kit(
        options.connector,
        options.level,
        folder=options.folder,
        only=options.only,
        write=not options.no_write,
        as_json=options.json,
        badge=options.badge,
    )
    if options.record:
        _say(record(options.connector, report))
    return report.exit_code


def _docs(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.docs import write_pages

    pages = write_pages(options.connectors, options.output, options.folder, say=_say)
    if options.output is None:
        print(pages[None], end="")
    return 0


def _stix_check(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.stix_check import LIMIT, CheckOptions, Rendering, check_files

    shown = Rendering(colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    kinds = ("error", "warning") if options.warnings else ("error",)

    def tell(kind: str, entry: dict[str, Any]) -> None:
        if kind in kinds:
            print(shown.entry(kind, entry))

    report = check_files(
        options.files,
        CheckOptions(
            warnings=not options.errors_only,
            upgrade=options.upgrade,
            limit=LIMIT if options.limit is None else max(options.limit, 0),
        ),
        standard_input=sys.stdin.buffer,
        tell=None if options.json else tell,
    )
    if options.json:
        _print_json(report.as_json())
    else:
        sys.stdout.flush()
        for line in Rendering(colour=sys.stderr.isatty() and not os.environ.get("NO_COLOR")).summary(report):
            print(line, file=sys.stderr)
    return report.exit_code(pedantic=options.pedantic)


def _stix_upgrade(options: argparse.Namespace) -> int:
    from isthmus_sdk.commands.stix_check import upgraded

    code = 0

    def problem(text: str) -> None:
        nonlocal code
        code = 4
        _say(text)

    for line in upgraded(options.files, standard_input=sys.stdin.buffer, problem=problem):
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
    return code


def _time(text: str | None) -> str | None:
    if text is None:
        return None
    from isthmus_sdk import stix
    from isthmus_sdk.errors import RecordError

    try:
        value = stix.timestamp(text)
    except RecordError:
        value = None
    if value is None:
        raise ConfigurationError(f"--observed-at {text!r} is not a time; write 2026-05-01T12:00:00Z")
    return value


def _summary(report: dict[str, Any], *, show_loss: bool) -> None:
    ignored = sum(report["ignored"].values())
    _say(
        f"{report['records']} records: {report['mapped']} mapped, {ignored} ignored, {len(report['quarantined'])} quarantined; "
        f"{report['objects']} objects"
    )
    for reason, count in report["ignored"].items():
        _say(f"  ignored {count}: {reason}")
    for bad in report["quarantined"][:20]:
        _say(f"  quarantined record {bad['index']} {bad['native_id']} at {bad['path'] or 'the record'}: {bad['error']}")
    if len(report["quarantined"]) > 20:
        _say(f"  and {len(report['quarantined']) - 20} more; --report FILE lists all")
    for noted in report["notes"][:20]:
        _say(
            f"  left out {noted['count']}: {noted['path']}: {noted['first']['note']} (first in record {noted['first']['index']})"
        )
    if show_loss:
        for path, count in report["unused_fields"].items():
            reason = report["unused_reasons"].get(path)
            _say(f"  unused {path}: {count}" + (f" ({reason})" if reason else ""))


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


def _say(text: str) -> None:
    # Names and messages may come from a vendor: what a terminal would obey is shown, not sent.
    print("".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in text), file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
