"""What the hub says about itself: logs, metrics and its state for systemd, all without a secret in them."""

from typing import TYPE_CHECKING, Any

from isthmus_hub.telemetry import _notify as systemd
from isthmus_hub.telemetry._redact import MASK, RedactingStream, Redactor

if TYPE_CHECKING:
    from isthmus_hub.telemetry._logs import configure_logging, escape, install_exception_hooks
    from isthmus_hub.telemetry._metrics import Metrics, MetricsListener

__all__ = [
    "MASK",
    "Metrics",
    "MetricsListener",
    "RedactingStream",
    "Redactor",
    "configure_logging",
    "escape",
    "install_exception_hooks",
    "systemd",
]

_LATER = {
    "configure_logging": "_logs",
    "escape": "_logs",
    "install_exception_hooks": "_logs",
    "Metrics": "_metrics",
    "MetricsListener": "_metrics",
}
"""Loaded when first used: structlog and prometheus-client cost more start-up than most commands."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
