"""Figures drawn with matplotlib, which is optional."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import DependencyError


def check_drawable() -> None:
    """Check that figures can be drawn.

    Raises
    ------
    DependencyError
        If matplotlib is missing.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            "matplotlib is needed to draw figures; install it, for example by: pip install "
            "matplotlib."
        ) from error


@contextmanager
def figure_of(
    path: Path, n_rows: int, n_columns: int, panel: tuple[float, float] = (4.0, 3.4)
) -> Iterator[list[list[Any]]]:
    """Give the panels of a figure, rows of columns, that is written as PNG at the end.

    `panel` is the width and height of one, in inches.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    size = (panel[0] * n_columns, panel[1] * n_rows)
    figure, panels = pyplot.subplots(
        n_rows, n_columns, figsize=size, squeeze=False, layout="constrained"
    )
    try:
        yield [list(row) for row in panels]
        for panel in panels.flat:
            panel.set_visible(bool(panel.has_data()))
        figure.savefig(path, dpi=100, format="png")
    finally:
        pyplot.close(figure)
