"""Exports as the vendor plays them: jobs that are started, looked at until they are done, and fetched chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from isthmus_sdk.testing._server import Answer, Exchange

if TYPE_CHECKING:
    from isthmus_sdk.http import Export, Http
    from isthmus_sdk.testing._paging import Plan

LOOKS = 2
"""The look at which a job is found to be done; before it, one chunk is listed and more are to come."""


@dataclass(slots=True)
class _Job:
    name: str
    plan: Plan
    export: Export
    looked: int = 0


class Jobs:
    """The exports of one vendor. What a job holds was settled when it was started."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._jobs: list[_Job] = []

    def start(self, plan: Plan, export: Export) -> Answer:
        """A new job over the records of a walk; where the vendor makes no one wait, its chunks at once."""
        job = _Job(f"kit-export-{len(self._jobs) + 1}", plan, export)
        self._jobs.append(job)
        return _told(self._state(job, done=True) if not export.status else _placed(export.job, job.name))

    def answer(self, exchange: Exchange) -> Answer | None:
        """How a job stands, or one of its chunks; ``None`` for a request that belongs to no job."""
        if exchange.method != "GET":
            return None
        asked = (exchange.path, urlsplit(exchange.target).query)
        for job in reversed(self._jobs):
            if job.export.status and asked == self._place(job.export.status, job):
                job.looked += 1
                return _told(self._state(job, done=job.looked >= LOOKS))
            for number in range(1, self._chunks(job) + 1):
                if asked == self._place(job.export.chunk or _link(job, number), job, number):
                    begin = (number - 1) * job.plan.size
                    return job.plan.lines(begin) if job.export.lines else job.plan.page(begin)
        return None

    def bears_its_proof(self, exchange: Exchange) -> bool:
        """Whether a request follows a link that needs no credential beside it."""
        return any(
            exchange.path == urlsplit(str(self._http.resolve(_link(job, number)))).path
            for job in self._jobs
            if job.export.signed and not job.export.chunk
            for number in range(1, self._chunks(job) + 1)
        )

    def _chunks(self, job: _Job) -> int:
        return -(-len(job.plan.records) // job.plan.size)

    def _state(self, job: _Job, *, done: bool) -> dict[str, Any]:
        from isthmus_sdk.testing._paging import place

        numbers = list(range(1, self._chunks(job) + 1)) if done else [1] * bool(job.plan.records)
        links = [str(self._http.resolve(_link(job, number))) for number in numbers]
        document = _placed(job.export.state, job.export.finished[0] if done else "PROCESSING")
        place(document, job.export.chunks, numbers if job.export.chunk else links)
        return document

    def _place(self, template: str, job: _Job, number: int = 0) -> tuple[str, str]:
        """Path and query of a URL with its values put in."""
        filled = template.replace("{job}", job.name if job.export.status else "None").replace("{chunk}", str(number))
        parts = urlsplit(str(self._http.resolve(filled)))
        return parts.path, parts.query


def _link(job: _Job, number: int) -> str:
    return f"kit-chunks/{job.name}/{number}"


def _placed(path: str, value: Any) -> dict[str, Any]:
    from isthmus_sdk.testing._paging import place

    document: dict[str, Any] = {}
    place(document, path, value)
    return document


def _told(document: Any) -> Answer:
    return Answer(200, msgspec.json.encode(document))


__all__ = ["LOOKS", "Jobs"]
