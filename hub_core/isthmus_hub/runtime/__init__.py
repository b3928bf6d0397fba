"""Running connectors: schedule, worker processes, durable intake, quarantine, and the state directory they share."""

from __future__ import annotations

from isthmus_hub.runtime._decisions import publish_decision
from isthmus_hub.runtime._ingest import Ingest
from isthmus_hub.runtime._inventories import Inventories
from isthmus_hub.runtime._journal import RunJournal
from isthmus_hub.runtime._lock import StateInUse, StateLock
from isthmus_hub.runtime._origin import copy_notice, settle_origin
from isthmus_hub.runtime._plan import Plan, plan, plugin, required_level, resolve_secrets
from isthmus_hub.runtime._preview import preview
from isthmus_hub.runtime._process import WorkerProcess, is_worker, try_level
from isthmus_hub.runtime._quarantine import Quarantine, Quarantined
from isthmus_hub.runtime._reports import Failure, StreamRun
from isthmus_hub.runtime._retry import retry
from isthmus_hub.runtime._schedule import next_run, quiet
from isthmus_hub.runtime._session import Observer, Session
from isthmus_hub.runtime._state import StateDirectory
from isthmus_hub.runtime._worker_log import WorkerLog

__all__ = [
    "Failure",
    "Ingest",
    "Inventories",
    "Observer",
    "Plan",
    "Quarantine",
    "Quarantined",
    "RunJournal",
    "Session",
    "StateDirectory",
    "StateInUse",
    "StateLock",
    "StreamRun",
    "WorkerLog",
    "WorkerProcess",
    "copy_notice",
    "is_worker",
    "next_run",
    "plan",
    "plugin",
    "preview",
    "publish_decision",
    "quiet",
    "required_level",
    "resolve_secrets",
    "retry",
    "settle_origin",
    "try_level",
]
