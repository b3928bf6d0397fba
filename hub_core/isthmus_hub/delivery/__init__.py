"""Delivery: the resolved stream to each platform, with a verdict for every object.

One :class:`Deliverer` per configured platform; one :class:`Ledger` (``delivery.sqlite``) for all of them.
"""

from ._courier import Patience
from ._engine import Deliverer, ResolvedLog, ResolvedObjects
from ._ledger import DeadLetter, Expired, Ledger
from ._report import DeliveryReport

__all__ = [
    "DeadLetter", "Deliverer", "DeliveryReport", "Expired", "Ledger", "Patience", "ResolvedLog", "ResolvedObjects",
]  # fmt: skip
