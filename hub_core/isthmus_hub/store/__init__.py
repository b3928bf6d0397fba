"""Current objects, who reported them, how they hang together, and what the hub has resolved. One SQLite file."""

from isthmus_hub._sqlite import StateTooNew, StorageDamaged, StorageFault, StorageFull
from isthmus_hub.store._checkpoint import save_checkpoint
from isthmus_hub.store._decision import DECISION, Decision, decide
from isthmus_hub.store._decision import decode as decode_decision
from isthmus_hub.store._decision import encode as encode_decision
from isthmus_hub.store._paths import Path, Paths
from isthmus_hub.store._reads import Reads
from isthmus_hub.store._relay import relay
from isthmus_hub.store._search import Hit, SearchIndex
from isthmus_hub.store._snapshot import SNAPSHOT, Mark, Verdict, judge
from isthmus_hub.store._snapshot import decode as decode_mark
from isthmus_hub.store._snapshot import encode as encode_mark
from isthmus_hub.store._types import (
    Change,
    Communication,
    Edge,
    Found,
    Incoming,
    OutboxBlock,
    Provenance,
    Rejected,
    RetiredError,
    Statement,
    Stored,
    StoreError,
)
from isthmus_hub.store.store import Store, Transaction

__all__ = [
    "DECISION",
    "SNAPSHOT",
    "Change",
    "Communication",
    "Decision",
    "Edge",
    "Found",
    "Hit",
    "Incoming",
    "Mark",
    "OutboxBlock",
    "Path",
    "Paths",
    "Provenance",
    "Reads",
    "Rejected",
    "RetiredError",
    "SearchIndex",
    "StateTooNew",
    "Statement",
    "StorageDamaged",
    "StorageFault",
    "StorageFull",
    "Store",
    "StoreError",
    "Stored",
    "Transaction",
    "Verdict",
    "decide",
    "decode_decision",
    "decode_mark",
    "encode_decision",
    "encode_mark",
    "judge",
    "relay",
    "save_checkpoint",
]
