"""Each connector has its page, and it says what manifest, code and recorded pages say."""

from __future__ import annotations

import re

import pytest

from isthmus_sdk.loader import Found

from .connector_pages import FOLDER, INDEX, WRITE, first_party, index_page, page_of

CONNECTORS = first_party()


@pytest.mark.parametrize("found", CONNECTORS, ids=lambda found: found.name)
def test_the_page_of_a_connector_is_up_to_date(found: Found) -> None:
    file = FOLDER / f"{found.name}.md"
    assert file.is_file(), WRITE
    assert file.read_text(encoding="utf-8") == page_of(found), WRITE


def test_the_index_names_every_connector() -> None:
    assert (FOLDER / INDEX).read_text(encoding="utf-8") == index_page(), WRITE


def test_there_is_no_page_of_a_connector_that_is_gone() -> None:
    assert {file.stem for file in FOLDER.glob("*.md")} - {"README"} == {found.name for found in CONNECTORS}


@pytest.mark.parametrize("found", CONNECTORS, ids=lambda found: found.name)
def test_every_unused_field_on_the_page_has_a_reason(found: Found) -> None:
    assert re.findall(r"^\| `[^`]+` \|  \|$", (FOLDER / f"{found.name}.md").read_text(), re.MULTILINE) == []
