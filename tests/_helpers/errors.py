"""What every error a user can cause has to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pruning_amr as pa
import pytest


@contextmanager
def one_clear_sentence(kind: type[pa.PruningAMRError], *named: object) -> Iterator[None]:
    """Expect an error of this package, on one line, that names all of `named`."""
    with pytest.raises(pa.PruningAMRError) as caught:
        yield
    message = str(caught.value)
    assert isinstance(caught.value, kind), f"{type(caught.value).__name__}: {message}"
    assert "\n" not in message
    assert message.endswith((".", "?"))
    assert len(message) < 1000
    for name in named:
        assert str(name) in message, message
