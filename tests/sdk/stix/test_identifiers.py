"""A column of identifiers is judged as each of them alone."""

from __future__ import annotations

import random
import uuid

import pytest

from isthmus_sdk.stix import _grammar as grammar
from isthmus_sdk.stix._identifiers import all_end_in_uuid, ends_in_uuid, is_identifier

SOUND = "tool--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"


def others(count: int = 7) -> list[str]:
    source = random.Random(1)
    return [
        f"tool--{uuid.UUID(int=source.getrandbits(128), version=source.choice((1, 3, 4, 5)))}" for _ in range(count)
    ]


def test_every_change_of_one_character_is_judged_alike_alone_and_in_a_column() -> None:
    for at in range(len(SOUND)):
        for char in "-0aAgG:\x00é\U0001f512 5b":
            changed = SOUND[:at] + char + SOUND[at + 1 :]
            alone = ends_in_uuid(changed)
            assert all_end_in_uuid([*others(), changed, *others()]) == alone, changed
            assert is_identifier(changed) == grammar.is_identifier(changed), changed


def test_characters_moved_between_neighbours_do_not_make_up_for_each_other() -> None:
    assert not all_end_in_uuid([SOUND[:-1], SOUND + "f"])
    assert not all_end_in_uuid([SOUND[1:], "a" + SOUND, SOUND[-37:]])
    assert not all_end_in_uuid([SOUND, "", SOUND])
    assert not all_end_in_uuid(["--" + "-" * 36, "--" + "0" * 36])


def test_what_is_no_text_raises() -> None:
    with pytest.raises(TypeError):
        all_end_in_uuid([SOUND, 5])  # type: ignore[list-item]


def test_capitals_are_as_good_as_in_the_grammar() -> None:
    assert all_end_in_uuid([SOUND.upper(), *others()])
    assert not is_identifier(SOUND.upper())
    assert is_identifier("tool--" + SOUND[6:].upper())
