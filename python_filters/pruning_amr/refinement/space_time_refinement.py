"""Refining one mesh for all times, by any criterion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ParameterError
from ..inr import INR
from .course import Refinement
from .criteria import make_criterion
from .parameters import RefinementParameters
from .progress import Progress
from .refine import refine_tree
from .space_time_errors import SpaceTimeErrors, space_time_chain
from .space_time_search import search_space_time
from .space_time_splitting import SpaceTimeSplitting
from .space_time_tree import SpaceTimeTree
from .space_time_verification import SpaceTimeVerification


def refine_space_time(
    inr: INR,
    parameters: RefinementParameters,
    tree: SpaceTimeTree,
    progress: Progress | None = None,
) -> tuple[SpaceTimeTree, Refinement, SpaceTimeErrors]:
    """Refine one mesh for all times.

    What the criterion sees of a cell is its box over space and time, where time is a coordinate
    like the others; in which direction a cell is then split, the errors of interpolating in
    space and in time decide (`SpaceTimeSplitting`).

    Parameters
    ----------
    inr : INR
        A field with time.
    parameters : RefinementParameters
    tree : SpaceTimeTree
        The root grid.
    progress : callable, optional
        See `Progress`.

    Returns
    -------
    tree : SpaceTimeTree
    refinement : Refinement
    errors : SpaceTimeErrors
        Knows the values at the corners of the cells.

    Raises
    ------
    ParameterError
        If a parameter has no meaning over space and time.
    """
    check_space_time(parameters)
    if parameters.criterion == "target_error":
        return search_space_time(inr, parameters, tree, progress)
    errors = SpaceTimeErrors(inr, parameters, tree)
    # Networks that cells inherit from their parents are those of cells halved along all axes.
    whole = replace(parameters, networks="full")
    verification = SpaceTimeVerification(inr, 0.0, parameters, errors)
    criterion = make_criterion(with_time_as_axis(inr, tree), None, whole, verification.error_of)
    splitting = SpaceTimeSplitting(errors, parameters)
    course = refine_tree(tree, criterion, parameters, progress, splitting)
    return tree, course, errors


def check_space_time(parameters: RefinementParameters) -> None:
    """Raise `ParameterError` if a parameter has no meaning over space and time."""
    if parameters.reconstruction != "multilinear":
        raise ParameterError(
            'time_mode "space_time" needs reconstruction "multilinear", not '
            f'"{parameters.reconstruction}": set time_mode to "per_time_step".'
        )


def with_time_as_axis(inr: INR, tree: SpaceTimeTree) -> INR:
    """Return a field without time whose last coordinate is the time of another."""
    names = tuple(f"axis_{i}" for i in range(len(tree.bounds)))
    chain = space_time_chain(inr)
    return replace(inr, chain=chain, inputs=names, bounds=tree.bounds, times=np.empty(0))
