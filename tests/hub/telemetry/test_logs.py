"""Logs: one line an entry, nothing that steers a terminal, no secret."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings

import pytest
import structlog

import isthmus_hub.telemetry
from isthmus_hub.telemetry import Redactor, configure_logging, escape, install_exception_hooks
from isthmus_hub.telemetry._logs import LONGEST

SECRET = 'Kx9-"a/quixotry\\secret'


@pytest.fixture(autouse=True)
def as_before():
    root, level = logging.getLogger(), logging.getLogger().level
    handlers = list(root.handlers)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture
def redactor():
    redactor = Redactor()
    redactor.register(SECRET)
    return redactor


@pytest.fixture
def logged(redactor):
    """Set logging up, run something that logs, and return what was written."""

    def logged(act, *, format="json", level="debug"):
        out = io.StringIO()
        configure_logging(redactor, format=format, level=level, stream=out)
        act()
        return out.getvalue()

    return logged


def test_the_public_names_are_these():
    assert isthmus_hub.telemetry.__all__ == [
        "MASK",
        "Metrics",
        "MetricsListener",
        "RedactingStream",
        "Redactor",
        "configure_logging",
        "escape",
        "install_exception_hooks",
        "systemd",
    ]


def test_an_entry_is_one_json_line_with_its_fields(logged):
    line = logged(lambda: structlog.get_logger("runtime").info("run ended", instance="guardian", records=5))
    entry = json.loads(line)
    assert line.count("\n") == 1
    assert (entry["event"], entry["level"], entry["logger"]) == ("run ended", "info", "runtime")
    assert (entry["instance"], entry["records"]) == ("guardian", 5)
    assert entry["time"].endswith("Z")


def test_bound_context_is_in_every_entry(logged):
    def act():
        with structlog.contextvars.bound_contextvars(instance="guardian"):
            structlog.get_logger().info("one")
            logging.getLogger("library").warning("two %s", "three")

    first, second = map(json.loads, logged(act).splitlines())
    assert first["instance"] == second["instance"] == "guardian"
    assert second["event"] == "two three"


def test_entries_below_the_level_are_not_written(logged):
    def act():
        structlog.get_logger().info("quiet")
        logging.getLogger("library").info("quiet")
        structlog.get_logger().warning("loud")

    assert [json.loads(line)["event"] for line in logged(act, level="warning").splitlines()] == ["loud"]


def test_a_second_set_up_replaces_the_first(logged):
    first = io.StringIO()
    configure_logging(Redactor(), format="json", stream=first)
    second = logged(lambda: logging.getLogger("x").warning("once"))
    assert first.getvalue() == ""
    assert second.count("once") == 1


def test_libraries_that_repeat_headers_are_kept_quiet(logged):
    assert logged(lambda: logging.getLogger("httpx").info("GET https://x?token=1")) == ""


class Holder:
    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"Holder({self.value})"


def _fail(value):
    local = value
    raise ValueError(f"rejected {local}")


def _logs_everything():
    log = structlog.get_logger("x")
    log.debug(f"in the event {SECRET}")
    log.info("in fields", password=SECRET, nested={"a": [{"b": SECRET}]}, **{SECRET: 1})
    log.info("in an object", holder=Holder(SECRET), raw=SECRET.encode(), header=("Authorization", f"Bearer {SECRET}"))
    log.info("in arguments %s %r", SECRET, SECRET)
    logging.getLogger("library").warning("in %s of %r", Holder(SECRET), {"k": SECRET})
    logging.getLogger("library").error("broken %d", SECRET)
    warnings.warn(f"in a warning {SECRET}", stacklevel=1)
    try:
        _fail(SECRET)
    except ValueError as error:
        log.exception("in a traceback")
        logging.getLogger("library").exception("in a traceback")
        try:
            raise RuntimeError(json.dumps({"why": str(error)})) from error
        except RuntimeError:
            log.error("in a chain", exc_info=True)
    log.info("cut", text="x" * (LONGEST - 5) + SECRET)
    log.info("stack", stack_info=True)


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_planted_secret_is_in_no_form_in_any_log(logged, format, capsys):
    from isthmus_hub.telemetry._redact import forms

    text = logged(_logs_everything, format=format)
    assert text.count("***") >= 10
    written = text + "".join(capsys.readouterr())
    for form in forms(SECRET):
        assert form not in written
    assert "quixotry" not in written
    assert "in a chain" in text


def test_the_planted_secret_would_be_found_without_masking(logged):
    out = io.StringIO()
    configure_logging(Redactor(), format="json", stream=out)
    structlog.get_logger().info("x", password=SECRET)
    assert "quixotry" in out.getvalue()


HOSTILE = "line\nforged [error] entry \x1b[31mred\x07 \u202eevil\u2066 \x85 \u2028 zero\u200bwidth \ud800"


@pytest.mark.parametrize("format", ["json", "console"])
def test_text_from_outside_forges_no_line_and_steers_no_terminal(logged, format):
    text = logged(lambda: structlog.get_logger().warning(HOSTILE, field=HOSTILE, nested=[HOSTILE]), format=format)
    assert text.count("\n") == 1
    for character in "\x1b\x07\u202e\u2066\x85\u2028\u200b\ud800":
        assert character not in text
    assert "red" in text


def test_a_traceback_on_the_console_keeps_its_lines_but_none_looks_like_an_entry(logged):
    def act():
        try:
            raise ValueError("first\n2026-01-01T00:00:00Z [info     ] forged \x1b[31m")
        except ValueError:
            structlog.get_logger().exception("failed")

    text = logged(act, format="console")
    assert "\x1b" not in text
    lines = text.splitlines()
    assert sum(line.startswith("20") for line in lines) == 1
    assert any("ValueError: first" in line for line in lines)


def test_a_huge_text_is_cut_and_the_rest_counted(logged):
    entry = json.loads(logged(lambda: structlog.get_logger().info("x", body="y" * (LONGEST + 10))))
    assert entry["body"].endswith("… (10 more characters)")


def test_an_entry_that_cannot_be_formatted_is_told_without_its_arguments(logged, capsys):
    entry = json.loads(logged(lambda: logging.getLogger("library").error("broken %d", "hunter2-Kx9")))
    assert entry["event"] == "a log entry could not be written"
    assert (entry["logger"], entry["file"]) == ("library", __file__)
    assert "hunter2" not in str(entry) + "".join(capsys.readouterr())


def test_what_refers_to_itself_does_not_stop_the_log(logged):
    loop = {}
    loop["self"] = loop
    assert json.loads(logged(lambda: structlog.get_logger().info("x", loop=loop)))["event"] == "x"


def test_ordinary_text_is_written_as_it_is():
    assert escape("Zelle 3 – Förderband 中文") == "Zelle 3 – Förderband 中文"
    assert escape("a\tb\\n") == "a\\x09b\\n"


def test_tracebacks_that_python_prints_are_masked(redactor):
    out = io.StringIO()
    install_exception_hooks(redactor, stream=out)
    try:
        _fail(SECRET)
    except ValueError:
        sys.excepthook(*sys.exc_info())
    thread = threading.Thread(target=_fail, args=(SECRET,), name="runner")
    thread.start()
    thread.join()

    class Bad:
        def __del__(self):
            _fail(SECRET)

    Bad()
    text = out.getvalue()
    assert text.count("ValueError: rejected ***") == 3
    assert "Exception in thread runner" in text
    assert "quixotry" not in text
