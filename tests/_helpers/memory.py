"""What memory a process takes."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_mib() -> float:
    """Return the memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
