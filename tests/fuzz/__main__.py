"""``python -m tests.fuzz [TARGET ...] [-- LIBFUZZER OPTIONS]``: atheris over each target, 60 seconds each.

``all`` lets the first byte choose the target. Coverage of `isthmus_sdk.stix` and of ``stix check`` guides it. A finding is written to the working directory and ends the
run with a code that is not zero.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("check", "decode", "pattern", "split", "times", "upgrade", "words")
SECONDS = 60


def seeds(folder: Path, target: str) -> None:
    """Begin with what is sound: examples of every type, patterns, times and words."""
    import json

    from tests.sdk.stix.examples import ALL_TYPES, example

    objects = [json.dumps(example(kind)) for kind in ALL_TYPES]
    patterns = [
        "[a:b = 1] AND [a:b != -1.5]",
        "([a:b IN ('x', h'0a')] FOLLOWEDBY [c-d:e[*].f LIKE '%']) WITHIN 5 SECONDS",
    ]
    few = [
        "2024-01-01T00:00:00.123Z",
        "1700000000000",
        "de-Latn-DE-1996",
        "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*",
        "2001:db8::1",
    ]
    texts = {"pattern": patterns, "times": few, "words": few}.get(target, objects)
    if target == "split":
        texts = [
            *objects,
            "\n".join(objects[:3]),
            f'{{"type":"bundle","id":"bundle--1","objects":[{",".join(objects[3:6])}]}}',
        ]
    if target == "all":
        texts = [chr(place) + text for place in range(len(NAMES)) for text in (*patterns, *few, *objects[::5])]
    for index, text in enumerate(texts):
        (folder / f"seed{index}").write_text(text, encoding="utf-8")


def fuzz(target: str, options: list[str]) -> None:
    """Run one target in this process; does not return."""
    import atheris

    with atheris.instrument_imports(include=["isthmus_sdk.stix", "isthmus_sdk.commands.stix_check"]):
        from tests.fuzz.targets import TARGETS, everything

    atheris.Setup([sys.argv[0], *options], everything if target == "all" else TARGETS[target])
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """Each named target (all of them without a name) in a process of its own."""
    names, _, options = " ".join(arguments).partition("-- ")
    failed = []
    targets = names.split() or NAMES
    for target in targets:
        with tempfile.TemporaryDirectory() as folder:
            seeds(Path(folder), target)
            given = options.split() or [
                f"-max_total_time={SECONDS}",
                "-print_final_stats=1",
                "-timeout=10",
                "-max_len=4096",
            ]
            command = [sys.executable, "-m", "tests.fuzz", "--one", target, *given, folder]
            print(f"== {target}", file=sys.stderr, flush=True)
            if subprocess.run(command, env=os.environ, check=False).returncode:
                failed.append(target)
    print(f"failed: {', '.join(failed)}" if failed else "nothing found", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        raise SystemExit(main(sys.argv[1:]))
