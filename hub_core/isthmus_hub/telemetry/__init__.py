"""What the hub says about itself: logs, metrics and its state for systemd, all without a secret in them."""

from isthmus_hub.telemetry import _notify as systemd
from isthmus_hub.telemetry._logs import configure_logging, escape, install_exception_hooks
from isthmus_hub.telemetry._metrics import Metrics, MetricsListener
from isthmus_hub.telemetry._redact import MASK, RedactingStream, Redactor

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
