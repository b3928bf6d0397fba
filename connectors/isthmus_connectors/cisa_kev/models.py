"""Rows of the catalogue: only the fields that the mapping uses."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from isthmus_sdk.fields import Flag, Listed, Moment, NativeId, Text


class Entry(BaseModel):
    """One of ``vulnerabilities[]``. ``withdrawn`` is the SDK's: the entry is in the catalogue no longer."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    cve: NativeId = Field(alias="cveID")
    vendor: Text = Field(None, alias="vendorProject")
    product: Text = None
    title: Text = Field(None, alias="vulnerabilityName")
    added: Moment = Field(None, alias="dateAdded")
    description: Text = Field(None, alias="shortDescription")
    action: Text = Field(None, alias="requiredAction")
    due: Moment = Field(None, alias="dueDate")
    ransomware: Text = Field(None, alias="knownRansomwareCampaignUse")
    cwes: Listed = ()
    notes: Text = None
    withdrawn: Flag = None
