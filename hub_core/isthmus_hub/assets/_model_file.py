"""The file of a model: JSON, one member for each weight."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from isthmus_hub.assets._weights import Weights
from isthmus_sdk.errors import ConfigurationError

_MOST_BYTES = 1 << 20
_MOST_BITS = 60.0


def read_model(path: Path) -> Weights:
    """A frozen model. Raises ``ConfigurationError`` that names the file, the weight and what to do."""
    again = "`isthmus assets fit --out FILE` writes one"
    try:
        with path.open("rb") as file:
            written = file.read(_MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path}: the model cannot be read: {error.strerror}; {again}") from None
    try:
        model = msgspec.json.decode(written, type=Weights)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ConfigurationError(f"{path}: is no model of identity: {error}; {again}") from None
    for name, value in msgspec.structs.asdict(model).items():
        if name != "version" and not (math.isfinite(value) and abs(value) <= _MOST_BITS):
            raise ConfigurationError(f"{path}: {name}: {value} is no number of bits from -60 to 60; {again}")
    if not model.version:
        raise ConfigurationError(f"{path}: version: must name the model; {again}")
    if model.undecided > model.merge:
        raise ConfigurationError(f"{path}: undecided: must not be above merge ({model.merge}); {again}")
    return model


def model_text(model: Weights) -> str:
    """What such a file says."""
    return msgspec.json.format(msgspec.json.encode(model), indent=2).decode() + "\n"
