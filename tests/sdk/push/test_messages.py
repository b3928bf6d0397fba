"""What a message says: syslog of both ages, CEF, LEEF and JSON inside, and what relays make of them."""

from __future__ import annotations

import json
import logging.handlers
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import isthmus_sdk.push
from isthmus_sdk.errors import RecordError
from isthmus_sdk.push import Message, Syslog, SyslogMessage, Webhook, leef_to_json, parse_syslog, records_of

AT = 1_770_000_000_000


def of(push, body: bytes, **values) -> list:
    return [json.loads(record) for record in records_of(push, Message(body=body, at=AT, peer="10.0.0.7", **values))]


def test_a_message_of_rfc_5424_with_structured_data() -> None:
    raw = (
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Appl\\"ication" eventID="10\\]11"][other x="y"] \xef\xbb\xbfAn event'
    )
    assert parse_syslog(raw) == SyslogMessage(
        facility=20,
        severity=5,
        timestamp="2003-10-11T22:14:15.003Z",
        hostname="mymachine.example",
        app_name="evntslog",
        msg_id="ID47",
        structured_data={
            "exampleSDID@32473": {"iut": "3", "eventSource": 'Appl"ication', "eventID": "10]11"},
            "other": {"x": "y"},
        },
        message="An event",
    )
    assert parse_syslog(b"<14>1 - - - - - -") == SyslogMessage(facility=1, severity=6)
    broken = parse_syslog(b'<14>1 - h a - - [x y="1" text')
    assert (broken.structured_data, broken.message) == ({}, '[x y="1" text')


def test_a_message_of_rfc_3164_keeps_its_time_as_text_because_it_names_no_year() -> None:
    assert parse_syslog(b"<34>Oct 11 22:14:15 mymachine su[123]: 'su root' failed\n") == SyslogMessage(
        facility=4, severity=2, timestamp_text="Oct 11 22:14:15", hostname="mymachine", app_name="su", proc_id="123",
        message="'su root' failed",
    )  # fmt: skip
    precise = parse_syslog(b"<34>2026-01-18T11:07:53.1+01:00 fw01 app: x")
    assert (precise.timestamp, precise.hostname, precise.message) == ("2026-01-18T11:07:53.1+01:00", "fw01", "x")


def test_a_sender_that_names_no_host_or_pads_no_day_loses_nothing_of_its_message() -> None:
    bare = parse_syslog(b"<14>May  4 10:00:01 1,2026/05/04 10:00:01,007,THREAT")
    assert (bare.hostname, bare.message) == (None, "1,2026/05/04 10:00:01,007,THREAT")
    day = parse_syslog(b"May 4 10:00:01 fw-1 1,2026/05/04 10:00:01,007,THREAT")
    assert (day.timestamp_text, day.hostname) == ("May 4 10:00:01", "fw-1")
    assert parse_syslog(b"May  4 10:00:01 2001:db8::1 x").hostname == "2001:db8::1"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no syslog at all",
        b"<999>x",
        b"<13>",
        b"<13>1 ",
        b"<13>1 yesterday h a p m - x",
        b"\xff\xfe\x00",
        b"<13>1 - h",
    ],
)
def test_what_is_no_syslog_is_all_message(raw: bytes) -> None:
    parse_syslog(raw)
    assert of(Syslog(), raw)[0]["peer"] == "10.0.0.7"


@given(st.binary(max_size=300))
def test_no_bytes_break_a_decoder(raw: bytes) -> None:
    for kind in ("text", "cef", "leef", "json"):
        for head in (b"", b"<13>1 - h a - - [", b"CEF:0|a|b|c|d|e|f|", b"LEEF:2.0|a|b|c|d|^|"):
            try:
                made = records_of(Syslog(payload=kind), Message(body=head + raw, at=AT))
            except RecordError:
                continue
            json.loads(made[0])


def test_control_characters_that_a_relay_wrote_as_numbers_are_taken_back_unless_told_otherwise() -> None:
    raw = b"<13>Jan 18 11:07:53 h a: one#012two#011three #0999 #100"
    assert of(Syslog(), raw)[0]["message"] == "one\ntwo\tthree #0999 #100"
    assert of(Syslog(escapes=False), raw)[0]["message"] == "one#012two#011three #0999 #100"


def test_cef_in_syslog_is_the_record_that_files_give() -> None:
    line = b"<134>Jan 18 11:07:53 host CEF:0|Vendor|Fire\\|wall|1.0|100|New MAC|5|src=10.0.0.1 msg=a \\= b mac=aa:bb#012 dvc=x"
    (record,) = of(Syslog(payload="cef"), line + b"\n")
    assert (record["device_product"], record["syslog"]) == ("Fire|wall", "<134>Jan 18 11:07:53 host")
    assert record["extension"] == {"src": "10.0.0.1", "msg": "a = b", "mac": "aa:bb", "dvc": "x"}
    with pytest.raises(RecordError, match="holds no 'CEF:'"):
        of(Syslog(payload="cef"), b"<134>Jan 18 11:07:53 host something else")


@pytest.mark.parametrize(
    "line",
    [
        b"<13>Jan 18 11:07:53 h LEEF:1.0|IBM|QRadar|7|4|src=10.0.0.1\tmsg=a=b c\tsrc=again",
        b"<13>Jan 18 11:07:53 h LEEF:2.0|IBM|QRadar|7|4|^|src=10.0.0.1^msg=a=b c^src=again",
        b"<13>Jan 18 11:07:53 h LEEF:2.0|IBM|QRadar|7|4|x09|src=10.0.0.1\tmsg=a=b c",
        b"<13>Jan 18 11:07:53 h LEEF:2.0|IBM|QRadar|7|4|0x5E|src=10.0.0.1^msg=a=b c",
    ],
)
def test_leef_of_both_versions_with_any_separator(line: bytes) -> None:
    record = json.loads(leef_to_json(line))
    assert (record["vendor"], record["event_id"]) == ("IBM", "4")
    assert record["extension"] == {"src": "10.0.0.1", "msg": "a=b c"}


def test_json_behind_a_syslog_header() -> None:
    assert of(Syslog(payload="json"), b'<13>Jan 18 11:07:53 h app: {"id": "7"}\n') == [{"id": "7"}]
    with pytest.raises(RecordError, match="holds no JSON object"):
        of(Syslog(payload="json"), b"<13>nothing")


def test_a_posted_body_is_a_record_a_list_or_has_them_where_the_declaration_says() -> None:
    assert of(Webhook(), b'{"id": 1}') == [{"id": 1}]
    assert of(Webhook(), b'\xef\xbb\xbf [{"id": 1}, {"id": 2}]') == [{"id": 1}, {"id": 2}]
    assert of(Webhook(items="data.events"), b'{"data": {"events": [{"id": 1}]}}') == [{"id": 1}]
    for bad in (b"", b"{", b"[1,", b'{"data": 7}', b'{"data": {}}', b"[" * 100_000):
        with pytest.raises(RecordError):
            of(Webhook(items="data.events"), bad)


@pytest.mark.parametrize(("cut", "says"), [(70_000, "70000 bytes"), (-1, "broke off")])
def test_of_what_was_cut_nothing_is_guessed(cut: int, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        of(Syslog(), b"<13>x", cut=cut)


def test_python_s_own_handler_is_understood() -> None:
    handler = logging.handlers.SysLogHandler(("127.0.0.1", 9))
    record = logging.LogRecord("app", logging.WARNING, __file__, 1, "disk %s", ("full",), None)
    raw = f"<{handler.encodePriority(handler.facility, 'warning')}>{handler.format(record)}\0".encode()
    found = parse_syslog(raw)
    assert (found.facility, found.severity, found.message) == (1, 4, "disk full")


def test_a_hostile_message_costs_no_more_than_its_length() -> None:
    hostile = [
        b"<13>1 - h a - - " + b'[a b="' * 10_000,
        b"<13>1 - h a - - [" + b"a" * 60_000,
        b"<13>" + b"#012" * 15_000,
    ]
    hostile += [
        b"<13>1 - h a - - [a" + b' b="c"' * 10_000,
        b"CEF:0|" + b"\\" * 60_000,
        b"CEF:0|a|b|c|d|e|f|" + b"a=" * 30_000,
    ]
    begun = time.process_time()
    for raw in hostile:
        for kind in ("text", "cef", "leef", "json"):
            try:
                records_of(Syslog(payload=kind), Message(body=raw, at=AT))
            except RecordError:
                pass
    assert time.process_time() - begun < 20  # quadratic would be minutes


def test_the_public_names_are_these() -> None:
    assert isthmus_sdk.push.__all__ == [
        "BasicPassword", "Challenge", "ClientCertificate", "Hmac", "Message", "Push", "Signature", "Syslog", "SyslogMessage",
        "TimedHmac", "Token", "Webhook", "cef_to_json", "leef_to_json", "parse_syslog", "records_of", "syslog_to_json",
    ]  # fmt: skip
    assert all(getattr(isthmus_sdk.push, name) is not None for name in isthmus_sdk.push.__all__)
