"""Progress of a refinement, and stopping it between two batches of work."""

from __future__ import annotations

import time as clock
from collections.abc import Callable

Progress = Callable[[float, str], bool | None]
"""Called with the fraction done and a sentence; returning True stops the refinement."""


class Stopped(Exception):
    """Raised between two batches of work, with the reason."""


class Watch:
    """Tells the caller how far the work is, and stops it at the user's wish or the time limit.

    Parameters
    ----------
    progress : callable or None
        See `Progress`.
    time_limit : float
        Seconds from now; 0 is no limit.
    """

    def __init__(self, progress: Progress | None, time_limit: float) -> None:
        self._progress = progress
        self._limit = time_limit
        self._started = clock.monotonic()

    def __call__(self, fraction: float, text: str) -> None:
        """Report; raise `Stopped` if the work is to end."""
        if self._progress is not None and self._progress(fraction, text):
            raise Stopped("user")
        if self._limit and clock.monotonic() - self._started > self._limit:
            raise Stopped("time_limit")
