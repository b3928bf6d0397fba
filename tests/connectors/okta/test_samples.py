"""Published lines of the product's log: every record accounted for, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.connectors.conftest import Objects
from tests.connectors.okta.test_events import of

from isthmus_connectors.okta.connector import okta
from isthmus_sdk.testing import unjustified

pytestmark = pytest.mark.samples
FILES = ("system_log.json", "system_log.page1.json", "system_log.page2.json")


def records(folder: Path, name: str) -> list[Any]:
    return list(msgspec.json.decode((folder / "okta" / name).read_bytes()))


@pytest.mark.parametrize("name", FILES)
def test_every_event_is_an_observation_of_valid_objects(
    samples: Path, name: str, valid: Callable[[Objects], None]
) -> None:
    for record in records(samples, name):
        objects = of(record)
        valid(objects)
        assert [obj["type"] for obj in objects].count("observed-data") == 1
        assert objects == of(record)


@pytest.mark.parametrize("name", FILES)
def test_each_unused_field_has_a_reason(samples: Path, name: str) -> None:
    assert unjustified(okta, "system_log", records(samples, name)) == []


def test_a_failed_factor_keeps_its_reason_and_a_broken_hop_costs_itself_alone(samples: Path) -> None:
    (seen,) = of(records(samples, "system_log.page2.json")[0], "observed-data")
    assert {"outcome:failure", "reason:invalid_credentials", "factor:password_as_factor"} <= set(seen["labels"])
    assert sorted(ref.partition("--")[0] for ref in seen["object_refs"]) == ["ipv4-addr", "user-account"]


def test_events_of_one_user_name_one_account(samples: Path) -> None:
    accounts = {obj["id"] for name in FILES[1:] for each in records(samples, name) for obj in of(each, "user-account")}
    assert len(accounts) == 1
