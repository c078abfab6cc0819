"""Refining one mesh for all times, by any criterion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ParameterError
from ..inr import INR
from ..mesh import History, SpaceTimeTree
from ..pruning import DEFAULT_POLICY, Policy
from .criteria.base import make_criterion
from .loop import refine_tree
from .parameters import RefinementParameters
from .progress import Progress
from .space_time_errors import SpaceTimeErrors
from .space_time_search import search_space_time
from .space_time_splitting import SpaceTimeSplitting
from .space_time_verification import SpaceTimeVerification


def refine_space_time(
    inr: INR,
    parameters: RefinementParameters,
    tree: SpaceTimeTree,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> tuple[SpaceTimeTree, History, SpaceTimeErrors]:
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
    policy : Policy, optional
        When networks pruned in cells are worth their cost.

    Returns
    -------
    tree : SpaceTimeTree
    history : History
    errors : SpaceTimeErrors
        Knows the values at the corners of the cells.

    Raises
    ------
    ParameterError
        If a parameter has no meaning over space and time.
    """
    check_space_time(parameters)
    if parameters.criterion == "target_error":
        return search_space_time(inr, parameters, tree, progress, policy)
    errors = SpaceTimeErrors(inr, None, parameters, tree)
    # Networks that cells inherit from their parents are those of cells halved along all axes.
    whole = replace(parameters, networks="full")
    verification = SpaceTimeVerification(inr, 0.0, parameters, errors)
    criterion = make_criterion(with_time_as_axis(inr, tree), None, whole, verification.error_of)
    splitting = SpaceTimeSplitting(errors, parameters)
    history = refine_tree(tree, criterion, parameters, progress, splitting)
    return tree, history, errors


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
    chain = inr.chain_over_time()
    return replace(inr, chain=chain, inputs=names, bounds=tree.bounds, times=np.empty(0))
