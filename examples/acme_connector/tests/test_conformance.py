"""Each rule and fault of the conformance kit is one test; recorded pages are all it needs."""

from pathlib import Path

from isthmus_sdk.testing import conformance_tests

test_conformance = conformance_tests("acme_connector.connector:acme", level="gold", folder=Path(__file__).parent)
