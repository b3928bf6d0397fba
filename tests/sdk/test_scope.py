"""Address scopes: the first rule that matches names the network in which an address is unique."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus_sdk.errors import SettingsError
from isthmus_sdk.scope import DEFAULT_SCOPE, ScopeRule, scope_finder, scope_of

CELL = ScopeRule.parse("cell-3", {"instance": "guardian", "site": "Cell 3"})
PLANT = ScopeRule.parse("plant", {"subnet": ["10.0.0.0/8", "fd00::/8"]})
TAGGED = ScopeRule.parse("tagged", {"vlan": [110, "120"]})
RULES = (CELL, PLANT, TAGGED)


def test_the_first_matching_rule_wins():
    assert scope_of(RULES, "guardian", site="Cell 3", ip="10.1.2.3") == "cell-3"
    assert scope_of(reversed(RULES), "guardian", site="Cell 3", ip="10.1.2.3") == "plant"


def test_what_no_rule_takes_is_default():
    assert scope_of(RULES, "guardian", site="Cell 4", ip="192.168.1.1") == DEFAULT_SCOPE
    assert scope_of((), "guardian", ip="10.1.2.3") == DEFAULT_SCOPE


def test_every_condition_must_hold_and_unknown_facts_hold_none():
    assert scope_of([CELL], "other", site="Cell 3") == DEFAULT_SCOPE
    assert scope_of([CELL], "guardian") == DEFAULT_SCOPE
    assert scope_of([CELL], "guardian", site="cell 3") == DEFAULT_SCOPE, "vendor words are compared exactly"


@pytest.mark.parametrize(
    ("ip", "inside"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("::ffff:10.1.1.1", True),
        ("fd12::1", True),
        ("fe80::1%eth0", False),
        ("a00:1::", False),
        ("", False),
        (None, False),
        ("not an address", False),
    ],
)
def test_subnets_hold_addresses_of_their_own_version(ip, inside):
    assert (scope_of([PLANT], "any", ip=ip) == "plant") is inside


@pytest.mark.parametrize("vlan", [110, "110", 120, "120"])
def test_vlans_are_numbers_or_their_text(vlan):
    assert scope_of([TAGGED], "any", vlan=vlan) == "tagged"


def test_vlan_one_is_not_vlan_true():
    assert scope_of([ScopeRule.parse("one", {"vlan": 1})], "any", vlan=None) == DEFAULT_SCOPE


@pytest.mark.parametrize(
    ("when", "word"),
    [
        ({"subnett": "10.0.0.0/8"}, "subnett"),
        ({"subnet": "10.0.0.300/8"}, "subnet"),
        ({"subnet": "10.1.0.0/8"}, '"10.0.0.0/8"'),
        ({"site": []}, "never match"),
        ({"site": 3}, "text"),
        ({"vlan": True}, "number"),
    ],
)
def test_a_wrong_condition_is_refused_with_its_name(when, word):
    with pytest.raises(SettingsError, match=word):
        ScopeRule.parse("x", when)


def test_a_rule_travels_as_plain_data():
    for rule in RULES:
        assert ScopeRule.parse(**rule.as_dict()) == rule


facts = st.fixed_dictionaries(
    {
        "site": st.sampled_from([None, "Cell 3", "Cell 4"]),
        "zone": st.sampled_from([None, "z"]),
        "sensor": st.sampled_from([None, "s"]),
        "vlan": st.sampled_from([None, 110, "120", 7]),
        "ip": st.one_of(st.none(), st.ip_addresses().map(str), st.sampled_from(["10.1.1.1", "junk"])),
    }
)


@given(st.lists(facts, max_size=20), st.sampled_from(["guardian", "other"]))
def test_the_bound_finder_answers_like_the_rules(sequence, instance):
    find = scope_finder(RULES, instance, remember=4)
    for fact in sequence:
        assert find(**fact) == scope_of(RULES, instance, **fact)
        assert find(fact["site"], fact["zone"], fact["sensor"], fact["vlan"], fact["ip"]) == find(**fact)
