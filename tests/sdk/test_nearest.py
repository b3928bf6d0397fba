"""What a message says of a name that there is none of."""

from __future__ import annotations

from isthmus_sdk.nearest import did_you_mean


def test_the_nearest_name_is_offered_as_it_is_written():
    assert did_you_mean("guardian_nroth", ["soc", "Guardian-North"]) == '; did you mean "Guardian-North"?'


def test_where_no_name_is_near_those_that_there_are_are_listed():
    assert did_you_mean("zzz", ["beta", "alpha", "beta"], others="streams") == "; streams: alpha, beta"
    assert did_you_mean("zzz", [], others="installed") == "; installed: none"


def test_of_many_names_the_rest_is_counted():
    hint = did_you_mean("??", (f"asset-{number:03}" for number in range(300)))
    assert hint.startswith("; known: asset-000, asset-001,")
    assert hint.endswith("asset-019, and 280 more")
