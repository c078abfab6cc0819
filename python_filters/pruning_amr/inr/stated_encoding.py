"""Which encoding of the coordinates a network has: stated, in the file, or asked for."""

from __future__ import annotations

from ..errors import CheckpointError, MetadataError
from .encodings import ORDERS, Encoding, fourier_features, positional_encoding, possible_levels
from .layouts.raw import RawNetwork
from .metadata import Metadata
from .questions import Questions

_MOST_INPUTS = 4


def stated_encoding(
    raw: RawNetwork, width: int, n_latent: int, metadata: Metadata, questions: Questions
) -> Encoding | None:
    """Return the encoding whose features the first layer takes, None if it takes coordinates.

    Asks for it if the width of the first layer suggests one and nothing states it.
    """
    if raw.fourier is not None:
        return _fourier(raw, width, metadata, questions)
    n_named = _n_named(metadata, n_latent)
    if metadata.encoding is None:
        _ask(width, n_named, n_latent, metadata, questions)
        return None
    counts = [n_named] if n_named is not None else [3, 2, 4, 1]
    for n_inputs in counts:
        encoding = positional_encoding(metadata.encoding, n_inputs)
        if encoding.width == width:
            return encoding
    encoding = positional_encoding(metadata.encoding, counts[0])
    fitting = [f"{levels} levels" + ("" if with_ else " without input")
               for levels, with_ in possible_levels(width, counts[0])]  # fmt: skip
    raise MetadataError(
        f'"encoding" gives {encoding.width} features of {counts[0]} inputs, but the first layer '
        f"takes {width}; expected {' or '.join(fitting) or 'another encoding or number of inputs'}."
    )


def _n_named(metadata: Metadata, n_latent: int) -> int | None:
    """Return how many inputs metadata name, None if they do not say."""
    if metadata.inputs is None:
        return None
    others = [name for name in metadata.fixed if name not in metadata.inputs]
    return len(metadata.inputs) + len(others) + n_latent


def _ask(
    width: int, n_named: int | None, n_latent: int, metadata: Metadata, questions: Questions
) -> None:
    """Ask for an encoding if the first layer takes more values than there are coordinates."""
    if n_latent or width == n_named:
        return
    if n_named is None and width - len(metadata.fixed) <= _MOST_INPUTS:
        return
    counts = [n_named] if n_named is not None else [3, 2]
    for n_inputs in counts:
        for levels, included in possible_levels(width, n_inputs):
            if levels < 2:
                continue
            plus = f"{n_inputs} + " if included else ""
            example = {"levels": levels, "include_input": included, "order": "sin_cos", "base": 2.0}
            questions.ask(
                "encoding",
                f"the positional encoding of {n_inputs} inputs, order one of {', '.join(ORDERS)}, "
                "factor 1 or pi",
                example,
                reason=f"the first layer takes {width} values, as {plus}{n_inputs} * 2 * {levels}",
            )
            return


def _fourier(
    raw: RawNetwork, width: int, metadata: Metadata, questions: Questions
) -> Encoding | None:
    matrix = raw.fourier
    if width == 2 * matrix.shape[0] != 2 * matrix.shape[1]:
        matrix = matrix.T  # some codes store (n_frequencies, n_inputs)
    if width == 2 * matrix.shape[0] == 2 * matrix.shape[1]:
        raw.assumed.append(
            f"the Fourier matrix is square, {len(matrix)} x {len(matrix)}: its columns are taken "
            "for the frequencies"
        )
    if metadata.fourier_scale is None:
        questions.ask("fourier_scale", "the factor before the Fourier matrix", 6.283185307)
    if metadata.fourier_order is None:
        choices = ("sin_cos", "cos_sin")
        questions.ask("fourier_order", '"sin_cos" or "cos_sin"', "sin_cos", choices)
    scale = 1.0 if metadata.fourier_scale is None else metadata.fourier_scale
    encoding = fourier_features(matrix, scale, metadata.fourier_order or "sin_cos")
    if encoding.width != width:
        raise CheckpointError(
            f"{questions.path} holds a Fourier matrix of shape {raw.fourier.shape}, which gives "
            f"{encoding.width} features, but the first layer takes {width}; expected as many: the "
            "layout may be one this program does not know."
        )
    return encoding
