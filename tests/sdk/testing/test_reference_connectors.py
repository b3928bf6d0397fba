"""The reference connectors reach gold: every rule and every fault of the catalogue is a test of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isthmus_sdk.testing import conformance_tests

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "acme_connector"
sys.path.append(str(EXAMPLE))

test_acme = conformance_tests("acme_connector.connector:acme", folder=EXAMPLE / "tests")
test_nozomi_guardian = conformance_tests("nozomi-guardian")
test_microsoft_defender = conformance_tests("microsoft-defender")
test_claroty_xdome = conformance_tests("claroty-xdome")
test_armis = conformance_tests("armis")
test_tenable_ot = conformance_tests("tenable-ot")
test_zeek = conformance_tests("zeek")
test_suricata = conformance_tests("suricata")
test_paloalto = conformance_tests("paloalto")
test_okta = conformance_tests("okta")
test_servicenow_cmdb = conformance_tests("servicenow-cmdb")
test_crowdstrike_falcon = conformance_tests("crowdstrike-falcon")
test_tenable_vm = conformance_tests("tenable-vm")
test_aws_security = conformance_tests("aws-security")
test_taxii = conformance_tests("taxii")
test_cisa_kev = conformance_tests("cisa-kev")
test_epss = conformance_tests("epss")
