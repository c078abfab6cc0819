"""What a file may take, counted before it is taken."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from ..errors import CheckpointError, UnsafeCheckpointError, some

DEFAULT_CHECKPOINT_MB = 1024.0
"""Size in MiB that a file, and all arrays in it together, may have."""

COUNTS = {
    "instructions in its pickles": 5_000_000,
    "entries in the memos of its pickles": 2_000_000,
    "names of classes and functions": 100_000,
    "tensors": 100_000,
    "lists, dicts and objects": 1_000_000,
    "values when its shared parts are written out": 4_000_000,
    "members": 20_000,
}
"""How many of each a file may hold; a larger ``checkpoint_mb`` raises them in proportion."""

BYTES = {"arrays": 1, "stored parts": 1, "copies of parts": 1, "parts read again": 4}
"""What ``checkpoint_mb`` bounds, each by itself, and how many times it may have that.

Copies are made of what a pickle writes as text, or repeats; tensors in a plain pickle are read
again as files.
"""

DEPTH = 120
"""How deep values may be nested: they are walked by recursion, here and by those who use them."""

NESTED_FILES = 3
"""How many files may lie within each other (tensors in a plain pickle are files in it)."""

DIRECTORY_BYTES = 4 * 2**20
"""Size of a zip archive's directory: `zipfile` makes an object of each entry before any check."""

HEADER_BYTES = 16 * 2**20
"""Size of the JSON header of a .safetensors file."""

INTEGER_BITS = 4096
"""Size of a whole number: Python refuses to print those beyond 4300 digits."""

DIMENSIONS = 32
"""Dimensions of an array: numpy's limit before version 2."""

HOW_TO_RAISE = (
    "raise it by load(..., checkpoint_mb=N), --checkpoint-mb or the reader's property "
    "Checkpoint MB if you trust the file"
)


def shown(text: str, length: int = 80) -> str:
    """Return a text of a file as it can stand in a sentence: on one line, short, printable."""
    text = "".join(c if c.isprintable() else "?" for c in text[: length + 1])
    return text if len(text) <= length else text[:length] + "…"


class Budget:
    """What one file has used of its limits.

    Parameters
    ----------
    path : Path
        The file, for the sentences.
    checkpoint_mb : float
        See `DEFAULT_CHECKPOINT_MB`.
    """

    def __init__(self, path: Path, checkpoint_mb: float = DEFAULT_CHECKPOINT_MB) -> None:
        if not checkpoint_mb > 0:
            raise CheckpointError(
                f"checkpoint_mb is {checkpoint_mb}; expected a number above 0: the size in MB that "
                "a checkpoint and its arrays may have."
            )
        self.path = path
        self.checkpoint_mb = checkpoint_mb
        self.n_bytes = int(min(checkpoint_mb, 2.0**40) * 2**20)
        scale = max(1.0, min(checkpoint_mb, 2.0**40) / DEFAULT_CHECKPOINT_MB)
        self._limits = {what: int(scale * count) for what, count in COUNTS.items()}
        self._counts = dict.fromkeys(COUNTS, 0)
        self._bytes = dict.fromkeys(BYTES, 0)
        self.forbidden: set[str] = set()

    def count(self, what: str, amount: int = 1) -> None:
        """Count `amount` more of one of `COUNTS`; raise a `CheckpointError` beyond its limit."""
        self._counts[what] = counted = self._counts[what] + amount
        if counted > self._limits[what]:
            self.check(what, counted)

    def check(self, what: str, amount: int) -> None:
        """Raise a `CheckpointError` if `amount` of one of `COUNTS` is beyond its limit."""
        if amount > self._limits[what]:
            self._exceeded(f"holds more than {self._limits[what]:,} {what}, the limit with")

    def take(self, what: str, n_bytes: int) -> None:
        """Count memory for one of `BYTES`; raise a `CheckpointError` beyond ``checkpoint_mb``."""
        self._bytes[what] += n_bytes
        taken = self._bytes[what]
        if taken > self.n_bytes * BYTES[what]:
            # A hostile file can claim numbers of any length.
            size = f"{taken / 2**20:,.0f} MB" if taken < 2**80 else "an absurd amount"
            self._exceeded(f"needs {size} for its {what}; the limit is")

    def check_size(self, n_bytes: int) -> None:
        """Refuse a file that is larger than ``checkpoint_mb`` as a whole."""
        if n_bytes > self.n_bytes:
            self._exceeded(f"takes {n_bytes / 2**20:,.0f} MB; the limit is")

    def refuse_if_forbidden(self) -> None:
        """Raise an `UnsafeCheckpointError` if the file asked for something that runs code."""
        if self.forbidden:
            names = [shown(name) for name in sorted(self.forbidden)]
            raise UnsafeCheckpointError(
                f"{self.path} was refused and nothing of it was executed: it asks for "
                f"{some(names)}; expected only arrays and modules: "
                "save the network's state_dict() instead."
            )

    def _exceeded(self, what: str) -> NoReturn:
        self.refuse_if_forbidden()
        raise CheckpointError(
            f"{self.path} {what} checkpoint_mb = {self.checkpoint_mb:g}: {HOW_TO_RAISE}."
        )
