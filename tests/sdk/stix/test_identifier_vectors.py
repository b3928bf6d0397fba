"""The recipe of docs/identifiers.md, implemented from its text alone, gives every published identifier."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from isthmus_sdk.stix import vectors
from isthmus_sdk.stix._table import TYPES

DOCS = Path(__file__).parents[3] / "docs"
PUBLISHED = json.loads((DOCS / "identifier-vectors.json").read_text(encoding="ascii"))
PAGE = (DOCS / "identifiers.md").read_text(encoding="utf-8")
STANDARD, OURS = "00abedb4-aa42-466c-9c01-fed23315a9b7", "9379cc7b-11fd-47a4-88ec-811ab049188e"

# -- an implementation of the page: nothing of the SDK from here on ------------------------------------------------


def contributing() -> dict[str, list[str]]:
    rows = re.findall(r"^\| ([a-z0-9, -]+) \| ([a-z_, ]+) \|$", PAGE.partition("### Where")[0], re.MULTILINE)
    return {
        kind: [] if names == "none" else names.split(", ")
        for kinds, names in rows
        for kind in kinds.split(", ")
        if kind != "type"
    }


def number(value: float) -> str:
    value = float(value)
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    digits, _, power = repr(value).partition("e")
    if 1e-6 <= abs(value) < 1e21:
        return (
            f"{value:.25f}".rstrip("0")
            if not power
            else f"{value:.{-int(power) + len(digits.partition('.')[2])}f}".rstrip("0")
        )
    return f"{digits.removesuffix('.0')}e{int(power):+d}"


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def identifier(kind: str, digest: bytes, version: int) -> str:
    octets = bytearray(digest[:16])
    octets[6] = octets[6] & 15 | version << 4
    octets[8] = octets[8] & 63 | 128
    text = octets.hex()
    return f"{kind}--{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def named(kind: str, namespace: str, content: dict[str, Any]) -> str:
    name = canonical(content).encode()
    return identifier(kind, hashlib.sha1(bytes.fromhex(namespace.replace("-", "")) + name).digest(), 5)


def contribution(name: str, value: Any) -> Any:
    if name == "hashes":
        first = next((each for each in ("MD5", "SHA-1", "SHA-256", "SHA-512") if each in value), min(value))
        return {first: value[first]}
    if name in ("start", "end"):
        return re.sub(r"(\.\d*?)0*Z$", r"\1Z", value).replace(".Z", "Z")
    if name == "extensions" and "windows-pebinary-ext" in value:
        binary = value["windows-pebinary-ext"]
        stamp = re.sub(r"\.\d+Z$", "Z", binary["time_date_stamp"])
        return {**value, "windows-pebinary-ext": {**binary, "time_date_stamp": stamp}}
    return value


def folded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: folded(child) for key, child in value.items()}
    if isinstance(value, list):
        return [folded(child) for child in value]
    return unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else value


def of_observable(kind: str, properties: dict[str, Any]) -> str:
    names = contributing()[kind]
    return named(kind, STANDARD, {name: contribution(name, properties[name]) for name in names if name in properties})


def of_key(kind: str, key: dict[str, Any]) -> str:
    return named(
        kind, OURS, {"type": kind, **{part: folded(value) for part, value in key.items() if value is not None}}
    )


def drawn(kind: str, properties: dict[str, Any]) -> str:
    name = canonical({"key": folded(properties), "type": kind}).encode()
    return identifier(kind, hashlib.blake2b(name, digest_size=16, key=OURS.encode()).digest(), 4)


# -- and what it must give -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", PUBLISHED["observables"], ids=lambda vector: vector["type"])
def test_observables(vector: dict[str, Any]) -> None:
    assert of_observable(vector["type"], vector["properties"]) == vector["id"]


@pytest.mark.parametrize("vector", PUBLISHED["keys"], ids=lambda vector: vector["type"])
def test_objects_named_by_a_key(vector: dict[str, Any]) -> None:
    assert of_key(vector["type"], vector["key"]) == vector["id"]


@pytest.mark.parametrize("vector", PUBLISHED["drawn"], ids=lambda vector: vector["type"])
def test_observables_without_contributing_properties(vector: dict[str, Any]) -> None:
    assert drawn(vector["type"], vector["properties"]) == vector["id"]


def test_the_published_vectors_are_those_that_the_core_makes() -> None:
    """They change by ``python -m isthmus_sdk.stix.vectors docs/identifier-vectors.json`` only, and never should."""
    assert (DOCS / "identifier-vectors.json").read_text(encoding="ascii") == vectors.text()


def test_the_page_and_the_table_name_the_same_contributing_properties() -> None:
    assert contributing() == {name: list(entry.identity) for name, entry in TYPES.items() if entry.family == "SCO"}


def test_every_type_of_observable_has_a_vector() -> None:
    shown = {vector["type"] for part in ("observables", "drawn") for vector in PUBLISHED[part]}
    assert shown == {name for name, entry in TYPES.items() if entry.family == "SCO"}


def test_the_example_of_the_page_is_right() -> None:
    (name,) = re.findall(r"the name is `([^`]+)`", PAGE)
    (shown,) = re.findall(r"`(ipv4-addr--[0-9a-f-]{36})`", PAGE)
    assert shown == of_observable("ipv4-addr", json.loads(name))
