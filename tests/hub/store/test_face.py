from __future__ import annotations

import isthmus_hub.store


def test_the_public_names_of_the_store() -> None:
    assert sorted(isthmus_hub.store.__all__) == [
        "Change",
        "Communication",
        "DECISION",
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
        "SNAPSHOT",
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
