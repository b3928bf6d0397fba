"""A process that delivers and may be killed: ``python -m tests.hub.delivery.child STATE LOG``.

The platform appends one line for each record it takes to LOG, synced before it answers; every call is announced on
standard output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.hub.delivery.doubles import Objects, Toy

from isthmus_hub.bus import SqliteBus
from isthmus_hub.delivery import Deliverer, Ledger
from isthmus_sdk.platform import Encoded, Profile, Verdict


def main(state: Path, log: Path) -> None:
    toy = Toy(profile=Profile(max_records=10))

    def take(batch: Sequence[Encoded]) -> Sequence[Verdict]:
        print(len(batch), flush=True)
        with log.open("a") as file:
            file.writelines(f"{record.id} {record.version}\n" for record in batch)
            file.flush()
            os.fsync(file.fileno())
        return [Verdict("accepted")] * len(batch)

    toy.behave = take
    ledger = Ledger.open(state / "delivery.sqlite")
    bus = SqliteBus(state / "bus")
    deliverer = Deliverer(toy.platform().open("toy", {}), store=Objects(), bus=bus, ledger=ledger, window=50)
    report = deliverer.run_once()
    print("done", report.incoming, flush=True)
    bus.close()
    ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
