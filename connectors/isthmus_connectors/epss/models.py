"""Rows of the EPSS API."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from isthmus_sdk.fields import Moment, NativeId, Number


class Score(BaseModel):
    """One of ``data[]``: numbers are written as text with nine digits."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    cve: NativeId
    epss: Number = None
    date: Moment = None
