"""Entries of the catalogue as facts of the vulnerability that every other source names by the same CVE. Pure."""

from __future__ import annotations

from isthmus_connectors.cisa_kev.models import Entry
from isthmus_sdk.errors import RecordError
from isthmus_sdk.fields import says
from isthmus_sdk.stix import Builder, Reference, Shape, normalise

_CATALOGUE = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog"


def entry_to_stix(entry: Entry, stix: Builder) -> Shape:
    """The vulnerability, exploited in the wild; of an entry that was withdrawn a newer version that says it is not listed.

    The catalogue tells the day on which an entry was added and not when it was changed: a change is as old as the reply
    that showed it.
    """
    cve = says(normalise.cve, entry.cve)
    if cve is None:
        raise RecordError(f"{entry.cve[:60]!r} is no CVE", path="cveID")
    if entry.withdrawn:
        return stix.vulnerability(cve, kev=False)
    subject = " ".join(part for part in (entry.vendor, entry.product) if part)
    told = (
        ("known-exploited-since", entry.added[:10] if entry.added else None),
        ("due", entry.due[:10] if entry.due else None),
        ("ransomware", entry.ransomware.lower() if entry.ransomware else None),
        ("product", subject or None),
    )
    return stix.vulnerability(
        cve,
        description=": ".join(part for part in (entry.title, entry.description) if part) or None,
        kev=True,
        kev_added=entry.added[:10] if entry.added else None,
        kev_due=entry.due[:10] if entry.due else None,
        fix=entry.action,
        labels=[f"{name}:{value}" for name, value in told if value],
        references=[
            Reference("cisa-kev", url=_CATALOGUE, description=entry.notes),
            *(Reference("cwe", external_id=cwe.upper()) for cwe in entry.cwes if cwe.upper().startswith("CWE-")),
        ],
    )
