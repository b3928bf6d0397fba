"""The fuzz targets, briefly: hypothesis with objects it bends, atheris for a fixed number of runs.

``make fuzz`` runs each target of atheris for a minute.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS
from tests.sdk.stix.examples import ALL_TYPES, example

RUNS = 5_000
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
    | st.sampled_from(["2.1", "2024-01-01T00:00:00Z", "ipv4-addr--cf24cb7a-2527-5e9b-b0fa-1b0fa1d7fe75", "[a:b = 1]", "en", "0" * 64])
)  # fmt: skip
_NAMES = st.sampled_from(["type", "id", "spec_version", "created", "hashes", "extensions", "objects", "object_refs", "value",
                          "definition", "contents", "granular_markings", "selectors", "lang", "pattern"]) | st.text(max_size=6)  # fmt: skip
VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=10
)


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A sound object of some type with a few places, at any depth, replaced, removed or added."""
    obj: Any = copy.deepcopy(example(draw(st.sampled_from(ALL_TYPES))))
    for _ in range(draw(st.integers(0, 3))):
        place = obj
        while True:
            inner = [
                child
                for child in (place.values() if isinstance(place, dict) else place)
                if isinstance(child, dict | list) and child
            ]
            if not inner or draw(st.booleans()):
                break
            place = draw(st.sampled_from(inner))
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if isinstance(place, dict) and draw(st.integers(0, 3)) == 0:
            place[draw(_NAMES)] = draw(VALUES)
        elif keys and draw(st.integers(0, 3)) == 0:
            del place[draw(st.sampled_from(keys))]
        elif keys:
            place[draw(st.sampled_from(keys))] = draw(VALUES)
    return json.dumps(obj, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


WORDS = st.lists(
    st.sampled_from(["[", "]", "(", ")", " AND ", " OR ", "a:b", " = ", "'x'", "1", "-", ":", "cpe:2.3:a:", "*", "\\", "de-", "x-", "fe80::", "%",
                     "2024-", "01-", "T", "Z", ".", "FOLLOWEDBY ", "t'", "IN", "\ud800", "\U0001f512", "{", '"', ",", "\n"]) | st.text(max_size=3),
    max_size=20,
).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))  # fmt: skip


@pytest.mark.parametrize("name", ["check", "decode", "upgrade", "split"])
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=bent())
def test_bent_objects_raise_nothing_but_our_errors(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=80)
@given(data=WORDS | st.binary(max_size=40))
def test_any_text_raises_nothing_but_our_errors(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_guided_by_coverage_for_a_fixed_number_of_runs(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed (extra dev, Linux on x86-64 only)")
    options = [f"-runs={RUNS}", "-seed=1", "-max_len=1024", "-timeout=60", f"-artifact_prefix={tmp_path}/"]
    code = [sys.executable, "-m", "tests.fuzz", "all", "--", *options]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    assert f"Done {RUNS} runs" in done.stderr


def test_the_program_runs_every_target() -> None:
    assert sorted(TARGETS) == list(NAMES)
