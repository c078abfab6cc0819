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
        self._span, self._furthest = (0.0, 1.0), 0.0

    def enter(self, begin: float, end: float) -> None:
        """Say which part of the whole work fractions are of, from now on."""
        self._span = begin, end

    def __call__(self, fraction: float, text: str) -> None:
        """Report; raise `Stopped` if the work is to end.

        What is still to do is estimated: where that turns out to be more, the fraction stays.
        """
        begin, end = self._span
        self._furthest = max(self._furthest, begin + min(fraction, 1.0) * (end - begin))
        if self._progress is not None and self._progress(self._furthest, text):
            raise Stopped("user")
        if self._limit and clock.monotonic() - self._started > self._limit:
            raise Stopped("time_limit")
