"""Scores as facts of the vulnerability that every other source names by the same CVE. Pure."""

from __future__ import annotations

from isthmus_connectors.epss.models import Score
from isthmus_sdk.errors import Ignored, RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Shape, normalise


def score_to_stix(score: Score, stix: Builder) -> Shape:
    """The vulnerability with its score, rounded: a change that nobody would act on is none, and gives no new version."""
    cve = says(normalise.cve, score.cve)
    if cve is None:
        raise RecordError(f"{score.cve[:60]!r} is no CVE", path="cve")
    if score.epss is None:
        raise Ignored("no score")
    day = f"{score.date[:10]}T00:00:00.000Z" if score.date else None  # the file has the hour of its making, too
    return stix.vulnerability(cve, epss=rounded(score.epss), modified=day)


def rounded(score: float) -> float:
    """To hundredths; below one hundredth to thousandths, where a score of 0.004 is not the same as none."""
    return round(score, 2 if score >= 0.01 else 3)
