"""The state directory: what lies where. One daemon at a time; formats are versioned by the files themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isthmus_hub.runtime._origin import origin_of
from isthmus_sdk.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Paths below one state directory (mode 0700: vendor data and the vault lie there)."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> StateDirectory:
        """Create the directory where it is missing. Raises :class:`ConfigurationError` where it cannot be used."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"state directory {path}: {error.strerror}; choose another with --state-dir"
            ) from None
        return cls(path.resolve())

    @classmethod
    def default(cls) -> Path:
        """Where state lies unless ``--state-dir`` says otherwise."""
        import platformdirs

        return Path(platformdirs.user_state_dir("isthmus"))

    @property
    def lock(self) -> Path:
        """Held by the one process that writes."""
        return self.path / "lock"

    @property
    def socket(self) -> Path:
        """Where that process answers commands (mode 0600)."""
        return self.path / "socket"

    @property
    def bus(self) -> Path:
        """Directory of the embedded bus."""
        return self.path / "bus"

    @property
    def store(self) -> Path:
        """Objects, provenance, inventory, outbox."""
        return self.path / "store.sqlite"

    @property
    def connectors(self) -> Path:
        """Added connectors, each with its environment."""
        return self.path / "connectors"

    @property
    def vault(self) -> Path:
        """Encrypted secrets."""
        return self.path / "vault"

    @property
    def quarantine(self) -> Path:
        """Records that did not map."""
        return self.path / "quarantine.sqlite"

    @property
    def delivery(self) -> Path:
        """Ledger of every platform, dead letters."""
        return self.path / "delivery.sqlite"

    @property
    def spools(self) -> Path:
        """What was received and is not on the bus yet, one directory per stream."""
        return self.path / "spool"

    @property
    def accounts(self) -> Path:
        """What the workers know of each account at a vendor: its rate, how long the vendor wants no request."""
        return self.path / "accounts"

    @property
    def origin(self) -> str:
        """A random id of this state directory, made once for each place: tells two hubs of one name apart."""
        return origin_of(self.path)

    @property
    def copied(self) -> Path:
        """There while this directory may be one of two: says where it was copied or moved from."""
        return self.path / "copied"

    @property
    def runs(self) -> Path:
        """How the last runs ended, for ``status``."""
        return self.path / "runs.json"
