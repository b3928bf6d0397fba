"""The configuration: ``isthmus.toml`` and ``ISTHMUS__…`` variables, checked and immutable.

::

    config = load("isthmus.toml")
    check_settings(config, manifests)
    config.connectors["guardian-north"].every     # seconds
"""

from isthmus_hub.config._coverage import CoverageConfig
from isthmus_hub.config._endpoint import Endpoint
from isthmus_hub.config._load import load
from isthmus_hub.config._model import (
    Config,
    ConnectorConfig,
    HubConfig,
    NatsConfig,
    NatsTlsConfig,
    PlatformConfig,
    ReceiveConfig,
    ScopeConfig,
    TelemetryConfig,
    TlsConfig,
    VaultConfig,
)
from isthmus_hub.config._problems import InvalidConfiguration, InvalidSettings, Problem
from isthmus_hub.config._schema import reference, schema
from isthmus_hub.config._settings import check_settings
from isthmus_hub.config._values import QuietWindow, quiet_until
from isthmus_hub.config._zones import ConduitConfig, OwnerConfig, PlaceConditions, ZoneConfig
from isthmus_hub.secret_ref import SecretRef

__all__ = [
    "ConduitConfig",
    "Config",
    "ConnectorConfig",
    "CoverageConfig",
    "Endpoint",
    "HubConfig",
    "InvalidConfiguration",
    "InvalidSettings",
    "NatsConfig",
    "NatsTlsConfig",
    "OwnerConfig",
    "PlaceConditions",
    "PlatformConfig",
    "Problem",
    "QuietWindow",
    "ReceiveConfig",
    "ScopeConfig",
    "SecretRef",
    "TelemetryConfig",
    "TlsConfig",
    "VaultConfig",
    "ZoneConfig",
    "check_settings",
    "load",
    "quiet_until",
    "reference",
    "schema",
]
