"""Make the compact table of a domain from MITRE's bundle: ``python -m isthmus_hub.coverage.attack BUNDLE TABLE``."""

from __future__ import annotations

import sys
from pathlib import Path

from isthmus_hub.coverage.attack import read_bundle, write_table


def main(arguments: list[str]) -> int:
    """0 where the table was written, 2 for a wrong call."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    bundle, table = map(Path, arguments)
    table.write_bytes(write_table(read_bundle(bundle)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
