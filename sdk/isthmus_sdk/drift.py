"""Drift: how what a vendor sends differs from what a stream's model says.

Per run: fields that are *new* (the model does not name them), *missing* (the model names them, and no record has them, or
one lacks a required one), of a *changed* kind (the model says a number, the vendor sends a list), and values that were
*dropped* because the contract says so. What fails validation is counted in full, for it is looked at anyway; new and
missing fields are counted over a sample, :data:`SAMPLE` records of a page on pages 1, 2, 4, 8, ..., so that pages that are
validated as bytes stay fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.fields import FieldInfo

from isthmus_sdk.records import Fault
from isthmus_sdk.unused import Unused

SAMPLE = 32
"""Records of a page that are looked at."""
PATHS = 200
"""Most fields of each kind that are named; of more, only that there are more."""
_DECODE: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Drift:
    """Counts over the records of one run. ``whole``: every record is looked at, not a sample."""

    def __init__(self, model: Any, *, whole: bool = False) -> None:
        self._unused = Unused(model)
        self._names = _names(model)
        self._whole = whole
        self._pages = 0
        self._present: set[str] = set()
        self.sampled = 0
        """Records that were looked at for new and missing fields."""
        self._faults: dict[str, Counter[str]] = {"missing": Counter(), "changed": Counter(), "dropped": Counter()}

    def look(self, raws: Sequence[bytes]) -> None:
        """Look at the records of a page, or at some of them; those that are no JSON objects count nothing."""
        self._pages += 1
        if self._whole:
            chosen: Sequence[bytes] = raws
        elif self._pages & (self._pages - 1):
            return
        else:
            chosen = raws if len(raws) <= SAMPLE else [raws[n * len(raws) // SAMPLE] for n in range(SAMPLE)]
        for raw in chosen:
            try:
                document = _DECODE.decode(raw)
            except (msgspec.DecodeError, ValueError, RecursionError):
                continue
            if isinstance(document, dict):
                self.sampled += 1
                self._unused.add_decoded(document)
                self._present.update(document)

    def fault(self, fault: Fault) -> None:
        """Count a field that broke a record, or would have."""
        counts = self._faults.get(fault.what)
        if counts is not None and (fault.path in counts or len(counts) < PATHS):
            counts[fault.path] += 1

    def as_json(self) -> dict[str, dict[str, int]]:
        """``{"new", "missing", "changed", "dropped"}``: field -> records; what is empty is left out.

        A field that no record of the sample has is missing from as many records as were looked at.
        """
        missing = dict(self._faults["missing"])
        for field, raws in self._names.items():
            if self.sampled and field not in missing and not raws & self._present:
                missing[field] = self.sampled
        found = {
            "new": dict(self._unused.counts.most_common(PATHS)),
            "missing": missing,
            "changed": dict(self._faults["changed"]),
            "dropped": dict(self._faults["dropped"]),
        }
        return {what: dict(sorted(fields.items())[:PATHS]) for what, fields in found.items() if fields}


def _names(model: Any) -> dict[str, set[str]]:
    """Fields at the top of a model: the first name in the raw record -> every name it may have there."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        by_name = bool(model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name"))
        found = [_raw_heads(name, field, by_name) for name, field in model.model_fields.items()]
        return {heads[0]: set(heads) for heads in found if heads}
    if isinstance(model, type) and issubclass(model, msgspec.Struct):
        return {name: {name} for name in model.__struct_encode_fields__}
    return {}


def _raw_heads(name: str, field: FieldInfo, by_name: bool) -> list[str]:
    alias = field.validation_alias if field.validation_alias is not None else field.alias
    if alias is None:
        return [name]
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    heads = [str(choice.path[0]) if isinstance(choice, AliasPath) else choice for choice in choices]
    return [*heads, name] if by_name else heads


__all__ = ["PATHS", "SAMPLE", "Drift"]
