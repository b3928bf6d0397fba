"""``python -m isthmus_hub.cli``: the command ``isthmus`` where its script is not on the path."""

from __future__ import annotations

import sys

from isthmus_hub.cli import main

if __name__ == "__main__":
    sys.exit(main())
