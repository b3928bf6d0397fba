"""README shows the main job's real output."""

from __future__ import annotations

from pathlib import Path

import pytest

from .demo_output import comparable, printed, shown


@pytest.mark.timeout(240)
def test_readme_shows_what_the_demonstration_prints(tmp_path: Path) -> None:
    assert comparable(shown()) == comparable(printed(tmp_path)), "run `python -m tests.docs.demo_output` and look at it"
