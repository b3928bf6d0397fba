"""Zeek, simulated: the logs that sensors would write of a plant's links.

The plant file is the one that all simulators read (:mod:`isthmus_connectors.simulation`); product name ``zeek``. Only its
links matter. A link takes part when it names both addresses, directly or through its devices. Beside the common fields::

    {"id": "l1", "source": …, "target": …, "protocol": "modbus", "transport": "tcp", "port": 502,
     "function_codes": ["3", "16"],
     "sensor": "zeek-cell-3",        which sensor sees it; else that of the target's or the source's device; else "zeek"
     "period": 30,                   seconds from one connection to the next, 60
     "bytes_out": 300, "bytes_in": 900}      of one connection, about

Each sensor has a folder ``OUT/SENSOR`` with ``conn.log`` and, for Modbus links, ``modbus.log``. The same plant, seed and
span of time give the same records, whether they are written at once or piece by piece::

    python -m isthmus_connectors.zeek.simulator --data plant.json --out logs --start 2026-05-04T00:00:00Z --hours 2
    python -m isthmus_connectors.zeek.simulator --data plant.json --out logs --hours 1            # goes on where it ended
    python -m isthmus_connectors.zeek.simulator --data plant.json --out logs --hours 1 --rotate --gzip

Prints one JSON line: ``{"until": "…", "sensors": {"zeek-cell-3": {"conn": 120, "modbus": 480}}}``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isthmus_connectors.simulation import Plant, PlantError
from isthmus_connectors.zeek.mapping import FUNCTION_CODES
from isthmus_connectors.zeek.models import CONN_TABLES, MODBUS_TABLES
from isthmus_sdk.files import Table

PRODUCT = "zeek"
STATE = ".simulator.json"
TABLES = {"conn": CONN_TABLES[0], "modbus": MODBUS_TABLES[0]}
_FUNCTIONS = {str(code): name for name, code in FUNCTION_CODES.items()}
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the plant as one sensor sees it."""

    id: str
    sensor: str
    source: str
    target: str
    protocol: str
    transport: str
    port: int
    functions: tuple[str, ...]
    period: float
    bytes_out: int
    bytes_in: int


def links(plant: Plant) -> list[Link]:
    """The links that have two addresses."""
    made = []
    for record, view in plant.visible("links"):
        link = {**record, **view}
        source, target = plant.party(link["source"]), plant.party(link["target"])
        if not source.get("ip") or not target.get("ip"):
            continue
        codes = [str(code) for code in link.get("function_codes") or ()]
        unknown = [code for code in codes if code not in _FUNCTIONS]
        if unknown:
            raise PlantError(f"links: {link['id']}: {unknown[0]!r} is no Modbus function code")
        made.append(
            Link(
                id=str(link["id"]),
                sensor=str(link.get("sensor") or target.get("sensor") or source.get("sensor") or PRODUCT),
                source=source["ip"],
                target=target["ip"],
                protocol=str(link.get("protocol") or ""),
                transport=str(link.get("transport") or "tcp"),
                port=int(link.get("port") or 0),
                functions=tuple(_FUNCTIONS[code] for code in codes),
                period=float(link.get("period") or 60.0),
                bytes_out=int(link.get("bytes_out") or 300),
                bytes_in=int(link.get("bytes_in") or 900),
            )
        )
    return made


def records(link: Link, begin: float, end: float, seed: int = 0) -> Iterator[tuple[str, float, Record]]:
    """Log entries of connections that start in ``[begin, end)`` (epoch seconds): log, time of writing, record.

    Connections are written when they end, so that their times are not in the order of the lines, as with Zeek.
    """
    phase = random.Random(f"{seed}|{link.id}").random() * link.period
    number = max(0, int((begin - phase) // link.period))
    while (start := phase + number * link.period) < end:
        if start >= begin:
            yield from _connection(link, start, random.Random(f"{seed}|{link.id}|{number}"))
        number += 1


def _connection(link: Link, start: float, rng: random.Random) -> Iterator[tuple[str, float, Record]]:
    start = round(start + rng.random() * min(1.0, link.period / 4), 6)
    duration = round(rng.uniform(0.01, min(20.0, link.period / 2)), 6)
    packets = rng.randrange(4, 40)
    conn: Record = {
        "ts": start,
        "uid": "C" + "".join(rng.choices(_DIGITS, k=17)),
        "id.orig_h": link.source,
        "id.orig_p": rng.randrange(32768, 61000),
        "id.resp_h": link.target,
        "id.resp_p": link.port,
    }
    for number, function in enumerate(link.functions):
        at = round(start + duration * (number + 1) / (len(link.functions) + 1), 6)
        yield "modbus", at, {**conn, "ts": at, "func": function}
    out, back = (round(size * rng.uniform(0.8, 1.2)) for size in (link.bytes_out, link.bytes_in))
    conn |= {
        "proto": link.transport,
        "duration": duration,
        "orig_bytes": out,
        "resp_bytes": back,
        "conn_state": "SF",
        "local_orig": True,
        "local_resp": True,
        "missed_bytes": 0,
        "history": "ShADadFf" if link.transport == "tcp" else "Dd",
        "orig_pkts": packets,
        "orig_ip_bytes": out + 40 * packets,
        "resp_pkts": packets,
        "resp_ip_bytes": back + 40 * packets,
    }
    if link.protocol and link.protocol != link.transport:
        conn["service"] = link.protocol
    yield "conn", start + duration, conn


class Log:
    """One growing log file, as JSON lines or as a table with Zeek's header."""

    def __init__(self, path: Path, *, json_lines: bool = False) -> None:
        self.path = path
        self.table: Table = TABLES[path.name.partition(".")[0]]
        self.json_lines = json_lines

    def append(self, entries: Sequence[Record], now: float) -> None:
        """Write entries at the end; a new file begins with its header."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = not self.path.exists() or not self.path.stat().st_size
        with self.path.open("a", encoding="utf-8") as file:
            if new and not self.json_lines:
                file.write(self._header(now))
            file.writelines(self._line(entry) for entry in entries)

    def rotate(self, now: float, *, compress: bool = False) -> Path | None:
        """Close the file under the name of its time; ``None`` if there is none."""
        if not self.path.exists():
            return None
        if not self.json_lines:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"#close\t{_stamp(now)}\n")
        aside = self.path.with_name(f"{self.path.stem}.{_stamp(now)}.log")
        self.path.rename(aside)
        if not compress:
            return aside
        packed = aside.with_name(aside.name + ".gz")
        part = packed.with_name("." + packed.name)
        with aside.open("rb") as source, gzip.GzipFile(part, "wb", mtime=0) as target:
            shutil.copyfileobj(source, target)
        part.rename(packed)
        aside.unlink()
        return packed

    def _header(self, now: float) -> str:
        return (
            "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
            f"#path\t{self.table.name}\n#open\t{_stamp(now)}\n"
            "#fields\t" + "\t".join(self.table.columns) + "\n#types\t" + "\t".join(self.table.types) + "\n"
        )

    def _line(self, entry: Record) -> str:
        if self.json_lines:
            return json.dumps(entry, separators=(",", ":")) + "\n"
        return "\t".join(_text(entry.get(column)) for column in self.table.columns) + "\n"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _stamp(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d-%H-%M-%S}"


def write(
    plant: Plant, folder: Path, begin: float, end: float, *, seed: int = 0, json_lines: bool = False
) -> dict[str, Counter[str]]:
    """Append what the sensors see in ``[begin, end)`` to their logs; records written by sensor and log."""
    written: dict[str, Counter[str]] = {}
    entries: dict[tuple[str, str], list[tuple[float, Record]]] = {}
    for link in links(plant):
        for log, at, record in records(link, begin, end, seed):
            entries.setdefault((link.sensor, log), []).append((at, record))
    for (sensor, log), timed in sorted(entries.items()):
        timed.sort(key=lambda entry: (entry[0], entry[1]["uid"]))
        Log(folder / sensor / f"{log}.log", json_lines=json_lines).append([record for _, record in timed], begin)
        written.setdefault(sensor, Counter())[log] += len(timed)
    return written


def rotate(folder: Path, now: float, *, compress: bool = False, json_lines: bool = False) -> list[Path]:
    """Rotate the logs of every sensor; the files they became."""
    paths = sorted(path for name in TABLES for path in folder.glob(f"*/{name}.log"))
    made = [Log(path, json_lines=json_lines).rotate(now, compress=compress) for path in paths]
    return [path for path in made if path is not None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's description."""
    parser = argparse.ArgumentParser(prog="zeek.simulator", description="Write the logs that Zeek sensors would write.")
    parser.add_argument("--data", type=Path, required=True, help="plant file")
    parser.add_argument("--out", type=Path, required=True, help="folder; one folder per sensor is made in it")
    parser.add_argument("--start", help="ISO 8601; without it the time at which the last call ended")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=("tsv", "json"), default="tsv")
    parser.add_argument("--rotate", action="store_true", help="rotate the logs that are there first")
    parser.add_argument("--gzip", action="store_true", help="compress what is rotated")
    options = parser.parse_args(arguments)
    try:
        begin = _start(options.start, _state(options.out))
        plant = Plant(options.data, PRODUCT)
        if options.rotate:
            rotate(options.out, begin, compress=options.gzip, json_lines=options.format == "json")
        end = begin + options.hours * 3600
        written = write(plant, options.out, begin, end, seed=options.seed, json_lines=options.format == "json")
    except PlantError as error:
        print(f"zeek.simulator: {error}", file=sys.stderr)
        return 2
    until = datetime.fromtimestamp(end, UTC).isoformat()
    options.out.mkdir(parents=True, exist_ok=True)
    part = options.out / f"{STATE}.part"
    part.write_text(json.dumps({"until": until}))
    part.replace(options.out / STATE)
    print(json.dumps({"until": until, "sensors": {sensor: dict(counts) for sensor, counts in written.items()}}))
    return 0


def _state(folder: Path) -> Mapping[str, Any]:
    try:
        state = json.loads((folder / STATE).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _start(text: str | None, state: Mapping[str, Any]) -> float:
    given = text or state.get("until")
    if not given:
        raise PlantError("--start is needed the first time")
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError:
        raise PlantError(f"--start: {given!r} is no ISO 8601 time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


if __name__ == "__main__":
    sys.exit(main())
