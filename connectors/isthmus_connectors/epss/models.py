"""Rows of the EPSS API, and of the file that FIRST publishes each day."""

from __future__ import annotations

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from isthmus_sdk.fields import Moment, NativeId, Number


class Score(BaseModel):
    """One of ``data[]``: numbers are written as text with nine digits. In the daily file the day stands above all rows."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    cve: NativeId
    epss: Number = None
    date: Moment = Field(None, validation_alias=AliasChoices("date", "score_date"))
