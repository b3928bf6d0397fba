"""Reading a configuration file: TOML, environment, validation, and what is wrong told with its place."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from isthmus_hub.config import _environment
from isthmus_hub.config._frozen import freeze
from isthmus_hub.config._lines import Path as KeyPath
from isthmus_hub.config._lines import key_lines
from isthmus_hub.config._model import Config
from isthmus_hub.config._problems import InvalidConfiguration, Problem, dotted
from isthmus_hub.config._receive import receive_problems
from isthmus_sdk.nearest import did_you_mean

_LARGEST = 4 * 2**20

_TYPES = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
    "model_type": "must be a table",
    "string_too_short": "must not be empty",
    "greater_than": "must be above 0",
}
"""Pydantic's kinds of error in the operator's words; the others are worded from pydantic's own message."""


_SYNTAX = {
    "Cannot declare": "a table is declared twice",
    "Cannot mutate": "a table is extended after it was closed",
    "Cannot overwrite": "a key is set twice",
    "Duplicate inline table key": "a key stands twice in an inline table",
    **dict.fromkeys(
        ("Expected", "Invalid", "Unclosed", "Unterminated", "Illegal", "Found", "Unescaped", "Escaped"), ""
    ),
}
"""The TOML parser's messages by their beginning; those without own words quote at most one character of the file."""


def load(path: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None) -> Config:
    """Read, override and check a configuration.

    ``environ`` are the variables to take ``ISTHMUS__…`` overrides from (the process's own where not given). Raises
    ``InvalidConfiguration`` that lists every problem with file, line, key and fix; no message ever holds a value.
    """
    file = Path(path)
    text = _read(file)
    document = _parse(file, text)
    places: dict[KeyPath, str] = {key: f"{file}:{line}" for key, line in key_lines(text).items()}
    variables, problems = _environment.apply(document, os.environ if environ is None else environ, file.name)
    for overridden in variables:
        # What stood below an overridden table is gone.
        for key in [key for key in places if key[: len(overridden)] == overridden]:
            del places[key]
    places |= variables
    try:
        frozen = freeze(document)
    except ValueError as error:
        raise InvalidConfiguration([*problems, Problem(str(file), "", str(error))]) from None
    try:
        config = Config.model_validate(frozen, context={"folder": file.absolute().parent})
    except ValidationError as error:
        problems += [
            _problem(entry, frozen, places, file) for entry in error.errors(include_input=False, include_url=False)
        ]
        raise InvalidConfiguration(_in_order(problems)) from None
    config._file = file
    config._places = places
    problems += _dangling(config)
    problems += _roles(config)
    if problems:
        raise InvalidConfiguration(_in_order(problems))
    config._warnings = tuple(_doubtful(config))
    return config


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise InvalidConfiguration([Problem(str(file), "", "is larger than 4 MiB; this is no configuration file")])
        data = file.read_bytes()
    except FileNotFoundError:
        raise InvalidConfiguration(
            [Problem(str(file), "", "does not exist; write one with `isthmus init` or name it with --config")]
        ) from None
    except OSError as error:
        raise InvalidConfiguration([Problem(str(file), "", f"cannot be read: {error.strerror or error}")]) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidConfiguration([Problem(f"{file}:{line}", "", "is not UTF-8 text")]) from None


def _parse(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = _syntax(file, text, str(error))
    except RecursionError:
        problem = Problem(str(file), "", "is nested too deeply")
    raise InvalidConfiguration([problem])


def _syntax(file: Path, text: str, message: str) -> Problem:
    """Place and kind of a syntax error, without what the parser quotes from the file: it may be part of a secret."""
    where = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    line = int(where[1]) if where and where[1] else text.count("\n") + 1
    column = f", column {where[2]}" if where and where[2] else ""
    kind = next((told for start, told in _SYNTAX.items() if message.startswith(start)), None)
    kind = re.sub(r"\s*\(at [^()]*\)$", "", message) if kind == "" else kind or "syntax error"
    hint = "; the file begins with a byte order mark, save it without" if text.startswith("\ufeff") else ""
    return Problem(f"{file}:{line}", "", f"is not valid TOML{column}: {kind}{hint}")


def _problem(entry: Any, document: Any, places: Mapping[KeyPath, str], file: Path) -> Problem:
    path: KeyPath = tuple(entry["loc"])
    kind, message = entry["type"], entry["msg"]
    if path and path[-1] == "[key]":
        path = path[:-1]
    if kind == "extra_forbidden":
        message = f"unknown key{did_you_mean(str(path[-1]), _known(path[:-1]))}"
    elif kind == "missing":
        message = "is missing"
    elif kind == "secret_reference":
        message = _not_a_reference(path, message)
    elif kind in _TYPES:
        message = _TYPES[kind]
    else:
        message = message.removeprefix("Value error, ").replace("Input should be", "must be", 1)
    return Problem(_place(path, places, file), dotted(path), message)


def _place(path: KeyPath, places: Mapping[KeyPath, str], file: Path) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return places[path[:length]]
    return str(file)


def _not_a_reference(path: KeyPath, problem: str) -> str:
    if len(path) != 4:
        return problem
    _, instance, _, name = path
    entry = f"{instance}/{name}"
    return (
        f"{problem}. Secrets do not belong in the configuration: store it with `isthmus secret set {entry}` "
        f'and write {name} = "vault:{entry}" (or keyring:, env:, file:, credential:)'
    )


def _known(path: KeyPath) -> list[str]:
    """The keys that the table at ``path`` may have; none where the operator or a manifest names them."""
    kind: Any = Config
    for step in path:
        kind = _below(_bare(kind), step)
    kind = _bare(kind)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return []
    return [field.alias or name for name, field in kind.model_fields.items()]


def _bare(kind: Any) -> Any:
    """A type without its annotations and without ``None``."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = get_args(kind)[0]
    return kind


def _below(kind: Any, step: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next((f.annotation for name, f in kind.model_fields.items() if (f.alias or name) == step), None)
    arguments = get_args(kind)
    return arguments[-1 if get_origin(kind) is dict else 0] if arguments else None


def _dangling(config: Config) -> list[Problem]:
    """Names that lead nowhere."""
    problems = []

    def dangling(path: KeyPath, kind: str, name: str, known: Any) -> None:
        problems.append(
            Problem(
                config.where(*path), dotted(path), f"names a {kind} that is not configured{did_you_mean(name, known)}"
            )
        )

    primary = config.hub.primary
    if primary is not None and primary not in config.platforms:
        dangling(("hub", "primary"), "platform", primary, config.platforms)
    if primary is None and len(config.platforms) > 1:
        problems.append(
            Problem(
                config.where("hub"),
                "hub.primary",
                f"is missing: there are several platforms, name the one gaps are computed against first "
                f"({', '.join(sorted(config.platforms))})",
            )
        )
    for name, platform in config.platforms.items():
        if platform.covers_by is not None and platform.covers_by not in config.connectors:
            dangling(("platform", name, "covers_by"), "connector", platform.covers_by, config.connectors)
    for name, connector in config.connectors.items():
        if connector.snapshot != "none" and connector.files is None:
            path = ("connector", name, "snapshot")
            problems.append(Problem(config.where(*path), dotted(path), "is for instances that read `files`"))
    return [*problems, *receive_problems(config)]


def _roles(config: Config) -> list[Problem]:
    """What a hub cannot be at once."""
    problems = []
    if config.hub.forward is not None and config.hub.forward == config.hub.bus:
        where = config.where("hub", "forward")
        problems.append(Problem(where, "hub.forward", 'is the hub\'s own bus; a collector keeps bus = "sqlite"'))
    if not config.resolves and config.platforms:
        where = config.where("hub", "resolve")
        problems.append(Problem(where, "hub.resolve", "is false, and platforms are delivered what was resolved"))
    if not config.resolves and config.hub.forward is None:
        where = config.where("hub", "resolve")
        problems.append(Problem(where, "hub.resolve", "is false for a hub that forwards to nobody; set `forward`"))
    return problems


def _doubtful_nats(config: Config) -> list[str]:
    servers = [
        urlsplit(server.strip())
        for address in (config.hub.bus, config.hub.forward)
        if address not in (None, "sqlite")
        for server in str(address).split(",")
    ]
    place = config.where("nats")
    if not servers:
        unused = config.nats.model_fields_set
        return [f"{place}: nats: is not used: neither hub.bus nor hub.forward names a NATS server"] if unused else []
    protected = config.nats.tls.model_fields_set
    open_to_all = [
        server.hostname
        for server in servers
        if server.scheme == "nats" and server.hostname not in ("localhost", "127.0.0.1", "::1") and not protected
    ]
    if config.nats.secrets and open_to_all:
        return [f"{place}: nats.secrets: go to {open_to_all[0]} unencrypted; write tls:// in the address"]
    return []


def _lowered(config: Config) -> list[str]:
    """Where the isolation of connectors was given up."""
    places: list[tuple[str, str | None, tuple[str, ...]]] = [("hub", config.hub.isolation, ("hub", "isolation"))]
    places += [
        (f"connector.{name}", connector.isolation, ("connector", name, "isolation"))
        for name, connector in config.connectors.items()
    ]
    return [
        f"{config.where(*path)}: {owner}.isolation: is lowered to process: the connector's code reads and reaches what "
        "the hub's user can"
        for owner, level, path in places
        if level == "process"
    ]


def _doubtful(config: Config) -> list[str]:
    """What is allowed, but rarely meant."""
    out = [*_doubtful_nats(config), *_lowered(config)]
    owners: dict[str, tuple[str, str]] = {}
    for name, connector in config.connectors.items():
        place = config.where("connector", name)
        if connector.source_id is None:
            out.append(
                f"{place}: connector.{name}: has no source_id, so its name is used; renaming it later would give "
                f'every object a new id. Set source_id = "{name}" to be free of the name'
            )
        use, first = owners.setdefault(config.source_id(name), (connector.use, name))
        if use != connector.use:
            out.append(
                f"{place}: connector.{name}: has the same source_id as connector.{first}, which reads another product; "
                "a source_id belongs to one vendor tenant or appliance"
            )
    seen: list[Any] = []
    for number, rule in enumerate(config.scope_rules):
        for instance in rule.instances:
            if instance not in config.connectors:
                out.append(
                    f"{config.where('scope', number, 'when')}: scope[{number}].when.instance: names a connector that "
                    f"is not configured{did_you_mean(instance, config.connectors)}"
                )
        conditions = rule.as_dict()["when"]
        if any(earlier.items() <= conditions.items() for earlier in seen):
            out.append(
                f"{config.where('scope', number)}: scope[{number}]: can never match: an earlier rule takes all it would"
            )
        seen.append(conditions)
    return out


def _in_order(problems: list[Problem]) -> list[Problem]:
    """By line of the file, what comes from the environment last; the same problem once."""

    def rank(problem: Problem) -> tuple[int, str]:
        _, _, line = problem.place.rpartition(":")
        return (int(line), problem.key) if line.isdigit() else (2**31, problem.key)

    return sorted(dict.fromkeys(problems), key=rank)


__all__ = ["load"]
