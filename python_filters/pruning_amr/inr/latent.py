"""The latent code of one field of a family: a row of a table beside the network, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MetadataError
from ..files.formats import read_checkpoint
from .layouts import as_dict, flatten

_EXPECTED = '{"file": "latent.pth", "index": 0} or {"vector": [0.1, -0.3]}'


def latent_code(
    checkpoint: Path, latent: Mapping[str, Any] | None, checkpoint_mb: float
) -> np.ndarray:
    """Return the latent code that metadata name, shape (n,); empty if they name none.

    The table is a matrix, one code in each row, as ``torch.nn.Embedding`` keeps it (DeepSDF:
    ``latent_codes.weight``), in a file beside the checkpoint; its row has to be stated unless it is
    the only one. ``"position": "last"`` puts the code
    after the coordinates instead of before them.

    Raises
    ------
    MetadataError
        If `latent` is not understood, or there is no such row.
    CheckpointError
        If the file cannot be read.
    """
    if latent is None:
        return np.empty(0)
    unknown = [k for k in latent if k not in ("file", "index", "vector", "position")]
    if unknown or ("vector" in latent) == ("file" in latent):
        raise MetadataError(f'"latent" is {repr(dict(latent))[:80]}; expected {_EXPECTED}.')
    if latent.get("position", "first") not in ("first", "last"):
        raise MetadataError('"position" of "latent" is unknown; expected "first" or "last".')
    if "vector" in latent:
        try:
            code = np.asarray(latent["vector"], dtype=np.float64).reshape(-1)
        except (TypeError, ValueError) as error:
            raise MetadataError(f'"vector" of "latent" holds no numbers; {error}.') from error
    else:
        code = _row(checkpoint, latent, checkpoint_mb)
    if not code.size or not np.isfinite(code).all():
        raise MetadataError('"latent" is empty or not finite; expected the numbers of a code.')
    return code


def sibling(checkpoint: Path, name: Any, key: str) -> Path:
    """Return the file of a plain name beside a checkpoint.

    Raises
    ------
    MetadataError
        If it is a path, which a file from elsewhere must not choose.
    """
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
        raise MetadataError(
            f"{key} is {name!r}; expected the plain name of a file beside {checkpoint.name}."
        )
    return checkpoint.with_name(name)


def _row(checkpoint: Path, latent: Mapping[str, Any], checkpoint_mb: float) -> np.ndarray:
    path = sibling(checkpoint, latent["file"], '"file" of "latent"')
    content = flatten(as_dict(read_checkpoint(path, checkpoint_mb).content))
    tables = {k: np.squeeze(v) for k, v in content.items() if isinstance(v, np.ndarray)}
    tables = {k: v for k, v in tables.items() if v.dtype.kind == "f" and v.ndim in (1, 2)}
    if len(tables) > 1:
        tables = {k: v for k, v in tables.items() if "latent" in k or "code" in k} or tables
    if len(tables) != 1:
        raise MetadataError(
            f"{path} holds {len(tables)} tables of numbers; expected one, with a latent code in "
            "each row."
        )
    (table,) = tables.values()
    table = np.atleast_2d(table).astype(np.float64)
    index = latent.get("index", 0 if len(table) == 1 else None)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(table):
        raise MetadataError(
            f'"index" of "latent" is {index!r}; expected a row of {path.name}, 0 to '
            f"{len(table) - 1}."
        )
    return table[index]
