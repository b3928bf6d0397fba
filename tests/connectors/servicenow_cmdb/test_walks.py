"""The connector against the simulated instance, through the SDK: complete, resumable, incremental."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.connectors.conftest import Ran, run_stream
from tests.connectors.plant import plant
from tests.connectors.simulation.test_simulation import get

from isthmus_connectors.servicenow_cmdb.connector import servicenow
from isthmus_connectors.servicenow_cmdb.query import after_id, after_update, of_classes
from isthmus_connectors.servicenow_cmdb.simulator import Instance, is_child
from isthmus_connectors.simulation import Fault, Plant, Server
from isthmus_sdk.context import Context
from isthmus_sdk.errors import AuthenticationError, ConfigurationError, UnexpectedReply
from isthmus_sdk.settings import configure
from isthmus_sdk.transports import connect

PRODUCT = "servicenow-cmdb"
SEEN = {PRODUCT: {}}


def cmdb(**changes: Any) -> dict[str, Any]:
    """The plant, as somebody wrote it into the CMDB."""
    data = plant()
    for device in data["devices"]:
        device["seen_by"] = SEEN
    relations = [
        {"id": f"r{n}", "parent": "cell1-ews", "child": f"cell{n}-plc-1", "type": "Controls::Controlled by",
         "updated": "2026-05-04T05:00:00Z"}
        for n in (1, 2)
    ]  # fmt: skip
    return {**data, "relations": relations, **changes}


@contextmanager
def serving(
    data: dict[str, Any] | None = None, *, faults: list[Fault] | None = None, **options: Any
) -> Iterator[Server]:
    with Server(Instance(Plant(data or cmdb(), PRODUCT), **options).answer, faults=faults or []) as server:
        yield server


def settings_for(to: Server, page_size: int = 500) -> dict[str, Any]:
    return {"base_url": to.url, "username": "isthmus", "page_size": page_size}


def run(to: Server, stream: str, *, page_size: int = 500, password: str = "servicenow", **options: Any) -> Ran:
    return run_stream(servicenow, stream, settings_for(to, page_size), {"password": password}, **options)


@pytest.fixture(autouse=True)
def _no_waits(quick: Callable[..., None]) -> None:
    quick(servicenow)


def test_each_class_is_read_with_its_children() -> None:
    with serving() as server:
        assert {obj["name"] for obj in run(server, "computers").of("infrastructure") if "asset" in obj["labels"]} == {
            "OFFICE-1"
        }
        names = {obj["name"] for obj in run(server, "ot_devices").of("infrastructure") if "asset" in obj["labels"]}
    assert names == {"PLC 1-1", "PLC 2-1", "EWS-1"}


@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_a_walk_brings_every_row_whatever_the_size_of_a_page(size: int) -> None:
    with serving() as server:
        ran = run(server, "ot_devices", page_size=size)
    assert (ran.error, ran.totals.records) == (None, 3)
    assert ran.totals.snapshots


def test_a_walk_that_is_interrupted_goes_on_behind_its_last_row() -> None:
    with serving() as server:
        part = run(server, "ot_devices", page_size=1, pages=1)
        rest = run(server, "ot_devices", page_size=1, cursors=part.cursors)
    found = [obj["name"] for ran in (part, rest) for obj in ran.of("infrastructure") if "asset" in obj["labels"]]
    assert sorted(found) == ["EWS-1", "PLC 1-1", "PLC 2-1"]


def test_a_row_that_is_retired_is_no_longer_in_the_inventory() -> None:
    data = cmdb()
    with serving(data) as server:
        before = run(server, "ot_devices")
        data["devices"][0]["seen_by"] = {PRODUCT: {"install_status": "7"}}
        after = run(server, "ot_devices", cursors=before.cursors)
    assert after.totals.ignored == {"retired in the CMDB": 1}
    assert (len(before.totals.snapshots[0].seen), len(after.totals.snapshots[0].seen)) == (48, 32)


def test_relations_are_read_by_time_and_id_and_only_once() -> None:
    data = cmdb()
    with serving(data) as server:
        first = run(server, "relations", page_size=1)
        data["relations"].append(
            {"id": "r3", "parent": "cell1-plc-1", "child": "office-1", "updated": "2026-05-05T00:00:00Z"}
        )
        second = run(server, "relations", page_size=1, cursors=first.cursors)
    assert (len(first.of("relationship")), len(second.of("relationship"))) == (2, 1)
    assert (
        "sys_updated_on>=2026-05-03 03:00:00^" in server.asked("/api/now/table/cmdb_rel_ci")[-4].query["sysparm_query"]
    )


def test_relations_to_what_no_stream_reads_are_not_asked_for() -> None:
    data = cmdb()
    data["relations"].append(
        {"id": "r9", "parent": "cell1-ews", "child": "a-business-service", "updated": "2026-05-04T05:00:00Z"}
    )
    with serving(data) as server:
        assert len(run(server, "relations").of("relationship")) == 2


def test_queries_are_written_as_the_service_reads_them() -> None:
    classes = of_classes(("a", "b", "a"))
    assert (
        classes
        == "parent.sys_class_nameINSTANCEOFa^ORparent.sys_class_nameINSTANCEOFb^child.sys_class_nameINSTANCEOFa^ORchild.sys_class_nameINSTANCEOFb"
    )
    assert after_id(("x1",), 5) == {"sysparm_query": "sys_id>x1^ORDERBYsys_id", "sysparm_limit": 5}
    asked = after_update(("2026-01-01 00:00:00", "x1"), None, "c=1", 5)["sysparm_query"]
    assert asked == (
        "sys_updated_on>2026-01-01 00:00:00^c=1^NQsys_updated_on=2026-01-01 00:00:00^sys_id>x1^c=1"
        "^ORDERBYsys_updated_on^ORDERBYsys_id"
    )


@pytest.mark.parametrize("value", ["a^ORsys_id!=x", "", "a\nb", 7, None])
def test_a_value_that_would_change_the_query_ends_the_walk(value: Any) -> None:
    with pytest.raises(UnexpectedReply):
        after_id((value,), 5)


def test_an_error_beside_rows_is_an_error() -> None:
    def partial(_: Any) -> Any:
        from isthmus_connectors.simulation import Reply

        return Reply(
            200, {"result": [{"sys_id": "0a" * 16}], "error": {"message": "Transaction cancelled"}, "status": "failure"}
        )

    with Server(partial) as server:
        ran = run(server, "computers")
    assert isinstance(ran.error, UnexpectedReply)
    assert "Transaction cancelled" in str(ran.error)


def test_a_limit_that_is_exceeded_is_waited_for_and_a_fault_survived() -> None:
    with serving(faults=[Fault("429", 1, 1, retry_after="0"), Fault("503", 2)]) as server:
        assert run(server, "computers").error is None


def test_a_wrong_password_ends_in_a_clear_error_and_a_key_serves_as_well() -> None:
    with serving() as server:
        assert isinstance(run(server, "computers", password="wrong").error, AuthenticationError)
        ran = run_stream(servicenow, "computers", {"base_url": server.url}, {"api_key": "servicenow-key"})
    assert (ran.error, ran.totals.records) == (None, 1)


def test_without_any_credential_the_settings_are_refused() -> None:
    settings = configure(servicenow.settings, {"base_url": "https://acme.example", "username": "x"}, {})
    with pytest.raises(ConfigurationError, match="api_key"):
        connect(servicenow, settings, instance="test")


def test_check_names_the_role_and_the_app_that_are_missing() -> None:
    with serving(denied=["cmdb_ci_netgear"]) as server:
        values = {**settings_for(server), "ot_class": "u_ot"}
        settings = configure(servicenow.settings, values, {"password": "servicenow"})
        http = connect(servicenow, settings, instance="test")
        try:
            assert servicenow.checker is not None
            findings = servicenow.checker(Context(settings, connect=lambda: http))
        finally:
            http.close()
    assert ["readable" in findings[0], "cmdb_read" in findings[1], "CMDB CI Class Models" in findings[2]] == [True] * 3


def ask(path: str, **options: Any) -> tuple[int, Any, dict[str, str]]:
    with serving(**options) as server:
        status, body, sent = get(server.url, f"/api/now/table/{path}", {"x-sn-apikey": "servicenow-key"})
    return status, json.loads(body), sent


def test_the_simulated_service_pages_by_offset_links_and_counts() -> None:
    status, body, sent = ask("cmdb_ci_ot?sysparm_limit=2&sysparm_offset=0")
    assert (status, len(body["result"]), sent["x-total-count"]) == (200, 2, "3")
    assert "sysparm_offset=2" in sent["link"]


def test_the_simulated_service_leaves_out_columns_that_are_not_there() -> None:
    _, body, _ = ask("cmdb_ci_ot?sysparm_fields=sys_id,nonsense&sysparm_limit=1")
    assert [sorted(row) for row in body["result"]] == [["sys_id"]]


def test_every_value_of_the_simulated_service_is_a_text_or_a_reference() -> None:
    for table in ("cmdb_ci_ot", "cmdb_rel_ci"):
        assert all(isinstance(cell, str | dict) for row in ask(table)[1]["result"] for cell in row.values())


@pytest.mark.parametrize("path", ["u_nothing", "cmdb_ci_ot?sysparm_query=nonsense", "cmdb_ci_ot?sysparm_limit=x"])
def test_the_simulated_service_refuses_what_it_cannot_read(path: str) -> None:
    assert ask(path)[0] == 400


@pytest.mark.parametrize(
    ("name", "of", "holds"),
    [
        *(("cmdb_ci_ot_plc", "cmdb_ci_ot", True), ("cmdb_ci_ot", "cmdb_ci_ot", True)),
        *(("cmdb_ci_linux_server", "cmdb_ci_computer", True), ("cmdb_ci_ip_switch", "cmdb_ci_netgear", True)),
        *(("cmdb_ci_ot_opc_server", "cmdb_ci_computer", False), ("", "cmdb_ci_ot", False)),
    ],
)
def test_children_of_classes(name: str, of: str, holds: bool) -> None:
    assert is_child(name, of) is holds
