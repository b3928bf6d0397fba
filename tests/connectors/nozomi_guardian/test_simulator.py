"""The simulated appliance answers as the vendor documents it."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.connectors.plant import plant
from tests.connectors.simulation.test_simulation import get

from isthmus_connectors.nozomi_guardian import n2ql
from isthmus_connectors.nozomi_guardian.simulator import PATH, Guardian
from isthmus_connectors.simulation import Plant, Server

BASIC = {"Authorization": "Basic " + base64.b64encode(b"hub:guardian").decode()}


def ask(query: str, data: dict[str, Any] | None = None, max_rows: int = 1000, **params: str) -> dict[str, Any]:
    guardian = Guardian(Plant(data or plant(), "nozomi-guardian"), max_rows=max_rows)
    with Server(guardian.answer) as server:
        status, body, _ = get(server.url, f"{PATH}?{urlencode({'query': query, **params})}", BASIC)
    assert status == 200
    answer: dict[str, Any] = json.loads(body)
    return answer


def test_without_the_right_password_there_is_no_answer() -> None:
    with Server(Guardian(Plant(plant(), "nozomi-guardian")).answer) as server:
        statuses = {
            get(server.url, f"{PATH}?query=assets", headers)[0]
            for headers in ({}, {"Authorization": "Basic aHViOndyb25n"}, {"Authorization": "Basic \xe9"})
        }
    assert statuses == {401}


def test_rows_have_the_habits_of_the_appliance() -> None:
    row = next(row for row in ask("assets")["result"] if row["name"] == "PLC 1-1")
    assert row["level"] == "level1"
    assert row["risk"] == "6.0"
    assert isinstance(row["created_at"], str)
    assert row["last_activity_time"] == 1777874340123
    assert row["end_of_support_date"] == 1814313600
    assert row["mac_address_level"] == {"00:1b:1b:00:01:01": "confirmed"}


def test_links_have_no_id_and_sessions_have_one() -> None:
    assert all("id" not in row for row in ask("links")["result"])
    assert len({row["id"] for row in ask("sessions")["result"]}) == 4


def test_a_keyset_walk_by_id_meets_every_row_once() -> None:
    data = plant(native={"nozomi-guardian": {"alerts": [{"id": f"{n:04}", "closed_time": 0} for n in range(25)]}})
    met, last = [], ""
    while True:
        rows = ask("alerts" + (n2ql.where(("id", ">", last)) if last else "") + " | sort id asc | head 10", data)[
            "result"
        ]
        met += [row["id"] for row in rows]
        if len(rows) < 10:
            break
        last = met[-1]
    assert len(met) == len(set(met)) == 26


def test_no_answer_has_more_rows_than_the_limit() -> None:
    answer = ask("assets", max_rows=2)
    assert (len(answer["result"]), answer["total"]) == (2, 3)
    assert len(ask("assets", max_rows=2, page="2", count="50")["result"]) == 1


def test_or_joins_clauses_and_successive_where_commands_all_hold() -> None:
    query = 'assets | where level == level1 OR level == level2 | where zones include? "Cell 1" | sort name asc'
    assert [row["name"] for row in ask(query)["result"]] == ["EWS-1", "PLC 1-1"]


def test_numbers_compare_as_numbers_also_where_a_row_holds_text() -> None:
    assert len(ask("links | where first_activity_time >= 1769904000000")["result"]) == 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("pippo", "Unknown data source 'pippo'"),
        ("assets | where nothing == 1", "Unknown field 'nothing'"),
        ("assets | explode", "Unknown command 'explode'"),
        ("assets | where level ~ 1", "cannot parse"),
        ('assets | where name == "open', "unterminated"),
        ("assets | head many", "no number"),
        ("assets | sort name sideways", "neither asc nor desc"),
    ],
)
def test_a_bad_query_is_answered_with_status_200_and_an_error(query: str, message: str) -> None:
    answer = ask(query)
    assert answer["result"] == []
    assert message in answer["error"]


def test_text_that_could_end_a_literal_is_never_written_into_a_query() -> None:
    assert n2ql.literal("6dbf93f8-d8da") == "6dbf93f8-d8da"
    assert n2ql.literal("Cell 3") == '"Cell 3"'
    for text in ('a" | head 0 "', "a|b", "a\\", "a\nb", ""):
        with pytest.raises(n2ql.QueryError):
            n2ql.literal(text)
