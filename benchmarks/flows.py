"""Flow logs summarised to communications: lines a second on one core, and memory over a million lines.

``must`` and ``aim`` are absolute (lines per CPU second). The peer is the least that any reader does: decode each line to
a dict with msgspec, or split it, and count connections by pair of addresses and hour; no file positions, no windows that
survive a restart, no checks, no STIX.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks._report import Row
from isthmus_connectors.zeek.connector import ZeekSettings, zeek
from isthmus_connectors.zeek.models import CONN_TABLES
from isthmus_connectors.zeek.simulator import Log
from isthmus_sdk import summarise
from isthmus_sdk.context import Context
from isthmus_sdk.stix import Builder
from isthmus_sdk.transports import FilesTransport

LINES = 200_000
START = 1_767_225_600.0
PAIRS = 300


def write_log(path: Path, lines: int, *, json_lines: bool, seed: int = 7) -> None:
    """A ``conn.log``: 300 pairs of addresses, 50 connections a second, mixed services, some out of order."""
    rng = random.Random(seed)
    pairs = [
        (f"10.0.{rng.randrange(4)}.{rng.randrange(250)}", f"10.1.0.{rng.randrange(60)}", *rng.choice(_SERVICES))
        for _ in range(PAIRS)
    ]
    log, at, entries = Log(path, json_lines=json_lines), START, []
    for number in range(lines):
        at += rng.random() / 25
        source, target, service, transport, port = rng.choice(pairs)
        out, back, packets = rng.randrange(5000), rng.randrange(9000), rng.randrange(4, 40)
        entry = {
            "ts": round(at - rng.random() * 20, 6), "uid": f"C{number:017x}", "id.orig_h": source,
            "id.orig_p": 32768 + number % 28000, "id.resp_h": target, "id.resp_p": port, "proto": transport,
            "duration": round(rng.random(), 6), "orig_bytes": out, "resp_bytes": back, "conn_state": "SF",
            "local_orig": True, "local_resp": True, "missed_bytes": 0, "history": "ShADadFf", "orig_pkts": packets,
            "orig_ip_bytes": out + 40 * packets, "resp_pkts": packets, "resp_ip_bytes": back + 40 * packets,
        }  # fmt: skip
        if service:
            entry["service"] = service
        entries.append(entry)
        if len(entries) == 10_000:
            log.append(entries, START)
            entries = []
    log.append(entries, START)


_SERVICES = (("modbus", "tcp", 502), ("ssl", "tcp", 443), ("dns", "udp", 53), ("", "tcp", 102), ("enip", "tcp", 44818))


def summarised(path: Path) -> tuple[int, int]:
    """Records counted and objects made of one log, through the file transport and the Zeek connector."""
    stream, settings = zeek.streams["conn"], ZeekSettings()
    transport = FilesTransport([str(path)], one_pass=True, final=True, summarised=True)
    context = Context(settings, "conn", transport=transport, files=True)

    def builder(observed_at: str) -> Builder:
        return Builder(source_id="bench", connector="zeek", observed_at=observed_at)

    counted = objects = 0
    for part in summarise.run(stream.fn(context), stream, builder, settings, tlp="amber"):
        counted += part.outcome.mapped
        objects += len(part.outcome.objects)
    return counted, objects


def plainly(path: Path) -> int:
    """The peer: pairs and hours counted, nothing else."""
    counts: Counter[tuple[str, str, int]] = Counter()
    decode = msgspec.json.Decoder().decode
    columns = CONN_TABLES[0].columns
    ts, source, target = (columns.index(name) for name in ("ts", "id.orig_h", "id.resp_h"))
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b"{"):
                record = decode(line)
                counts[(record["id.orig_h"], record["id.resp_h"], int(record["ts"] // 3600))] += 1
            elif not line.startswith(b"#"):
                values = line.decode().split("\t")
                counts[(values[source], values[target], int(float(values[ts]) // 3600))] += 1
    return counts.total()


def cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """Median CPU seconds: what counts per core, whatever else the machine does."""
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return statistics.median(spent)


_MEMORY = """
import resource, sys
from pathlib import Path
from benchmarks.flows import summarised
counted, _ = summarised(Path(sys.argv[1]))
print(counted, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_megabytes(path: Path) -> float:
    """Greatest resident memory of a process of its own that summarises one log."""
    done = subprocess.run([sys.executable, "-c", _MEMORY, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[1]) / 1024


def run(rounds: int) -> list[Row]:
    """Lines per second in both formats, and the growth of memory from 50,000 to 1,000,000 lines."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="isthmus-flows-") as folder:
        for json_lines, kind in ((True, "JSON"), (False, "table")):
            path = Path(folder) / kind / "conn.log"
            write_log(path, LINES, json_lines=json_lines)
            counted, objects = summarised(path)
            assert counted == LINES == plainly(path)
            ours = cpu_seconds(lambda path=path: summarised(path), rounds)  # type: ignore[misc]
            theirs = cpu_seconds(lambda path=path: plainly(path), rounds)  # type: ignore[misc]
            rows.append(
                Row(
                    name=f"flows summarised, {kind} lines",
                    value=LINES / ours,
                    unit="lines per CPU second",
                    peer=f"decode and count alone: {LINES / theirs:,.0f}",
                    must=100_000,
                    aim=250_000,
                    note=f"{objects} objects of {LINES} lines",
                )
            )
        small, large = Path(folder) / "small" / "conn.log", Path(folder) / "large" / "conn.log"
        write_log(small, 50_000, json_lines=True)
        write_log(large, 1_000_000, json_lines=True)
        grown = peak_megabytes(large) - peak_megabytes(small)
        rows.append(
            Row(
                name="flows, memory from 50 k to 1 M lines",
                value=grown,
                unit="MB more at the peak",
                must=10,
                aim=2,
                smaller_is_better=True,
                note=f"{peak_megabytes(large):.0f} MB in all",
            )
        )
    return rows
