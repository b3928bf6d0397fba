"""Typical mistakes of authors, each as a change of the reference connector, and the rules that must tell of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

REFERENCE = Path(__file__).parent / "packages" / "heron"
_WALK = """    return ctx.pages(
        "/v1/detections","""
_DEVICE = "    device = stix.asset(at.uid,"


@dataclass(frozen=True)
class Mutant:
    """``old`` becomes ``new`` in the connector's code; ``caught_by``: rules, each of which must be left to do."""

    name: str
    old: str
    new: str
    caught_by: tuple[str, ...]

    def make(self, folder: Path) -> str:
        """The mutant's package, under a name of its own below ``folder``; gives its ``package.module:object``."""
        package = f"heron_{self.name}"
        shutil.copytree(REFERENCE, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        code = folder / package / "connector.py"
        text = code.read_text()
        assert self.old in text, f"{self.name}: the reference connector no longer holds what is to be changed"
        code.write_text(text.replace(self.old, self.new))
        return f"{package}.connector:heron"


def _by_hand(body: str) -> str:
    """The stream function with its pages in ``walk``, and what the mutant does with them."""
    return f"""    walk = _pages(ctx)
{body}


def _pages(ctx):
    return ctx.pages(
        "/v1/detections","""


TEN = [
    Mutant(
        "cursor_saved_early",
        _WALK,
        _by_hand(
            "    from dataclasses import replace\n\n    held = None\n    for page in walk:\n        if held is not None:\n"
            "            yield replace(held, after=page.after)\n        held = page\n    if held is not None:\n        yield held"
        ),
        ("resume",),
    ),
    Mutant("greater_instead_of_at_least", "updated ge {time}", "updated gt {time}", ("border",)),
    Mutant("id_from_a_name", _DEVICE, "    device = stix.asset(at.hostname,", ("ids",)),
    Mutant("time_invented", "modified=detection.updated", "modified=datetime.now().astimezone()", ("times", "stable")),
    Mutant(
        "page_dropped",
        _WALK,
        _by_hand("    for number, page in enumerate(walk):\n        if number != 1:\n            yield page"),
        ("reads",),
    ),
    Mutant(
        "secret_logged",
        _WALK,
        _by_hand('    ctx.log(f"signing in with {ctx.settings.client_secret.reveal()}")\n    return walk'),
        ("silent",),
    ),
    Mutant("unbounded_list", _WALK, _by_hand("    return list(walk)"), ("pagewise",)),
    Mutant(
        "swallowed_error",
        _WALK,
        _by_hand("    try:\n        yield from walk\n    except Exception:\n        return"),
        ("credentials", "fault.500-for-ever"),
    ),
    Mutant(
        "marking_lost",
        "@detections.maps\n",
        "def _cleared(mapping):\n    from isthmus_sdk.stix import TLP\n\n    def cleared(record, stix):\n"
        "        for shape in mapping(record, stix):\n"
        '            yield from ({**obj, "object_marking_refs": [TLP["clear"]]} for obj in shape.objects)\n\n'
        "    return cleared\n\n\n@detections.maps\n@_cleared\n",
        ("markings",),
    ),
    Mutant("wrong_origin", '"/v1/detections"', '"https://api.heron.example/v1/detections"', ("reads",)),
]

MORE = [
    Mutant(
        "random_id",
        _DEVICE,
        "    import uuid\n\n    device = stix.asset(str(uuid.uuid4()),",
        ("stable",),
    ),
    Mutant(
        "records_kept",
        "    at, card =",
        "    kept = heron.__dict__.setdefault('kept', [])\n    kept.append((detection, repr(detection) * 4))\n    at, card =",
        ("memory",),
    ),
    Mutant(
        "own_client",
        _WALK,
        _by_hand(
            "    import socket\n\n    try:\n        socket.create_connection(('127.0.0.1', 9), 1).close()\n    except OSError:\n"
            "        pass\n    return walk"
        ),
        ("origins",),
    ),
    Mutant("no_rate", '    http={"rate": Rate(requests=5, burst=10)},\n', "", ("rate",)),
    Mutant("secret_as_text", "client_secret: Secret =", "client_secret: str =", ("secrets", "manifest")),
    Mutant("class_not_declared", 'asset_class="workstation"', 'asset_class="server"', ("classes",)),
    Mutant("field_named_and_unused", "    title: str\n", "    title: str\n    note: str | None = None\n", ("loss",)),
]
