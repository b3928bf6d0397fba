"""What an instance could do with a stream that it does not run is not done: it counts as not deployed, and the gap says which."""

from __future__ import annotations

from tests.hub.coverage.builders import NOW, asset

from isthmus_hub.coverage import Capability, Gap, Source, gaps, matrix

INVENTORY = Capability("identify", ("Asset Inventory",), ("*",), streams=("machines",))
WEAKNESSES = Capability("identify", ("Software",), ("*",), streams=("vulnerabilities", "software"))
AGENT = Capability("detect", ("Process Creation",), ("*",))
DECLARED = (INVENTORY, WEAKNESSES, AGENT)
FLEET = [asset("ws", "workstation", "edr")]


def unscanned(*streams: str) -> list[Gap]:
    sources = [Source("edr", DECLARED), Source.running("edr", DECLARED, "edr", streams, primary=False)]
    return [gap for gap in gaps(FLEET, [], sources, now=NOW) if gap.kind == "unscanned"]


def test_a_source_of_weaknesses_that_reads_none_of_them_scans_nothing() -> None:
    (gap,) = unscanned("machines")
    assert (gap.cause, gap.assets) == ("not_deployed", ("ws",))
    assert "; edr could, with stream vulnerabilities or software" in gap.detail


def test_one_of_the_streams_that_carry_it_is_enough() -> None:
    assert unscanned("machines", "software") == []
    assert unscanned("vulnerabilities") == []


def test_what_no_stream_is_named_for_is_done_whatever_is_read() -> None:
    source = Source.running("edr", DECLARED, "edr", ["machines"], primary=False)
    assert source.capabilities == (INVENTORY, AGENT)
    assert source.idle == (WEAKNESSES,)


def test_what_is_not_read_is_not_observed() -> None:
    source = Source.running("edr", DECLARED, "edr", ["vulnerabilities"], primary=False)
    assert source.capabilities == (WEAKNESSES, AGENT)
    nothing = Source.running("edr", (INVENTORY,), "edr", ["vulnerabilities"], primary=False)
    (cell,) = [one for one in matrix(FLEET, [nothing], now=NOW) if one.function == "identify"]
    assert cell.observed == 0
