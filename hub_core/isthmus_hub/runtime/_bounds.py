"""What a worker may use of the machine: set from outside, before its connector's code is loaded, by the kernel."""

from __future__ import annotations

import sys
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one worker process, inherited by what it starts."""

    memory: int = 1024 * MIB
    """Bytes of memory of its own (``RLIMIT_DATA``); beyond it an allocation fails inside the worker."""
    files: int = 512
    """Open files and sockets."""
    processes: int = 32
    """Itself and what it started; counted from outside, because the kernel counts all of a user's together."""
    core: int = 0
    """Bytes of a core file: none, it would hold the secrets of the instance."""

    def hold(self, pid: int) -> bool:
        """Put the process under these limits; false where the system cannot (then only the service manager's hold)."""
        if sys.platform != "linux":
            return False
        import resource

        wanted = (
            (resource.RLIMIT_DATA, self.memory),
            (resource.RLIMIT_NOFILE, self.files),
            (resource.RLIMIT_CORE, self.core),
        )
        try:
            for kind, amount in wanted:
                hard = resource.prlimit(pid, kind)[1]
                ceiling = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
                resource.prlimit(pid, kind, (ceiling, ceiling))
        except (OSError, ValueError):  # gone already, or not ours to limit
            return False
        return True


__all__ = ["Bounds"]
