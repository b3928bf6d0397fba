"""The names that other rooms may use."""

from __future__ import annotations

import isthmus_hub.delivery as delivery


def test_the_public_names_are_these():
    assert sorted(delivery.__all__) == [
        "DeadLetter", "Deliverer", "DeliveryReport", "Expired", "Ledger", "Patience", "ResolvedLog", "ResolvedObjects",
    ]  # fmt: skip
