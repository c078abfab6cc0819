"""From a field and parameters to its mesh: at one time, or for all times."""

from __future__ import annotations

import time as clock
from dataclasses import replace
from functools import partial

import numpy as np

from ..errors import ParameterError
from ..inr import INR
from ..mesh import CornerValues, History, Mesh, SpaceTimeMesh, SpaceTimeTree, Tree, balanced
from ..pruning import DEFAULT_POLICY, Policy
from .cell_errors import CellErrors, ErrorFactor
from .criteria.base import make_criterion
from .isosurface import IsosurfaceSearch
from .known_field import KnownField
from .loop import refine_tree
from .parameters import RefinementParameters
from .progress import Progress
from .region_search import RegionSearch
from .scalar_field import channel_of
from .space_time_splitting import SpaceTimeSplitting
from .target import Search
from .verification import SURE, SURE_OVER_TIME, Verification


def build_mesh(
    inr: INR,
    parameters: RefinementParameters,
    time: float | None = None,
    progress: Progress | None = None,
    similar: Tree | None = None,
    policy: Policy = DEFAULT_POLICY,
    factor: ErrorFactor | None = None,
    sure: float = SURE,
    known: KnownField | None = None,
    before: KnownField | None = None,
) -> Mesh:
    """Refine the mesh of a field at one time.

    Parameters
    ----------
    inr : INR
    parameters : RefinementParameters
    time : float, optional
        Clamped to the time bounds; by default the first time step.
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.
    similar : Tree, optional
        The tree of another time, with the same parameters, for criterion target_error to start
        from.
    policy : Policy, optional
        When networks pruned in cells are worth their cost.
    factor : ErrorFactor, optional
        What errors are multiplied by, for criterion target_error; not together with a region of
        the parameters. Means are over the whole domain all the same.
    sure : float, optional
        See `pruning_amr.refinement.verification.Verification`; for criterion target_error.
    known : KnownField, optional
        What criterion target_error has asked the same field for at this time: it is not asked
        again, and what is asked for now is added. The mesh is the same. Criterion isosurface keeps
        its samples of the whole domain there.
    before : KnownField, optional
        The same of another time, for criterion isosurface to start from if there is none at this.

    Raises
    ------
    MetadataError
        If the bounds of the field are not known.
    ParameterError
        If the parameters do not suit the field.
    """
    started = clock.perf_counter()
    bounds = inr.spatial_bounds
    tree = Tree.regular(bounds, parameters.root_grid(bounds))
    time = inr.clamp_time(time)
    if parameters.criterion == "target_error":
        if parameters.region:
            search = RegionSearch(inr, time, parameters, tree, progress, policy, known)
        else:
            search = Search.of(inr, time, parameters, tree, progress, policy, factor, sure, known)
        tree, history = search.run(similar)
        if known is not None:
            known.settle()
    elif parameters.criterion == "isosurface":
        tree, history = _around_surface(inr, time, parameters, tree, progress, known, before)
        tree, history = _balance(tree, history, parameters)
    else:
        criterion = make_criterion(inr, time, parameters)
        history = refine_tree(tree, criterion, parameters, progress)
        tree, history = _balance(tree, history, parameters)
    seconds = {"refinement": clock.perf_counter() - started}
    mesh = Mesh(inr, time, parameters, tree, history, seconds)
    if known is not None and parameters.criterion == "target_error":
        mesh.recall = partial(known.at_vertices, known.numbering)
    return mesh


def _around_surface(
    inr: INR,
    time: float,
    parameters: RefinementParameters,
    tree: Tree,
    progress: Progress | None,
    known: KnownField | None,
    before: KnownField | None,
) -> tuple[Tree, History]:
    """Return what criterion isosurface finds, from samples that are known to those to be known."""
    key = channel_of(inr, parameters.output, parameters.component), parameters.device
    samples = next(
        (k.start_samples[key] for k in (known, before) if k is not None and key in k.start_samples),
        None,
    )
    search = IsosurfaceSearch(inr, time, parameters, tree, progress, samples)
    found = search.run()
    if known is not None and search.samples is not None:
        known.start_samples[key] = search.samples
    return found


def _balance(
    tree: Tree, history: History, parameters: RefinementParameters
) -> tuple[Tree, History]:
    finer, origin = balanced(tree, parameters.balance)
    if finer is not tree:
        known = origin >= 0
        indicator = np.full(finer.n_nodes, np.nan)
        indicator[known] = history.indicator[origin[known]]
        inner = finer.level[finer.first_child >= 0]
        history.indicator = indicator
        history.refined = np.bincount(inner, minlength=len(history.refined)).tolist()
    return finer, history


def build_space_time_mesh(
    inr: INR,
    parameters: RefinementParameters,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
    known: KnownField | None = None,
) -> SpaceTimeMesh:
    """Refine one mesh of a field with time for all times.

    What a criterion sees of a cell is its box over space and time, where time is a coordinate
    like the others; in which direction a cell is then split, the errors of interpolating in
    space and in time decide (`SpaceTimeSplitting`).

    Parameters
    ----------
    inr : INR
    parameters : RefinementParameters
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.
    policy : Policy, optional
        When networks pruned in cells are worth their cost.
    known : KnownField, optional
        As for `build_mesh`, over space and time.

    Raises
    ------
    MetadataError
        If the bounds of the field are not known.
    ParameterError
        If the parameters do not suit the field, or have no meaning over space and time.
    """
    started = clock.perf_counter()
    _check_space_time(parameters)
    roots = parameters.space_time_root_grid(inr.spatial_bounds)
    bounds = np.vstack([inr.spatial_bounds, inr.checked_bounds()[inr.time_axis]])
    tree = SpaceTimeTree.regular(bounds, roots)
    if parameters.criterion == "target_error":
        kind = RegionSearch if parameters.region else partial(Search.of, sure=SURE_OVER_TIME)
        search = kind(inr, None, parameters, tree, progress, policy, known=known)
        errors, corner_numbers = search.errors, search.corner_numbers
        tree, history = search.run()
        if known is not None:
            known.settle()
    else:
        errors = CellErrors(inr, None, parameters, tree)
        corner_numbers = errors.corner_numbers
        history = _refine_over_time(inr, parameters, tree, errors, progress)
    if parameters.values == "exact" and errors.forget_local(tree):
        corner_numbers = errors.corner_numbers
    corners = CornerValues.of(tree, errors.lattice, corner_numbers)
    seconds = {"refinement": clock.perf_counter() - started}
    return SpaceTimeMesh(inr, parameters, tree, history, corners, seconds)


def _check_space_time(parameters: RefinementParameters) -> None:
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


def _refine_over_time(
    inr: INR,
    parameters: RefinementParameters,
    tree: SpaceTimeTree,
    errors: CellErrors,
    progress: Progress | None,
) -> History:
    """Refine a tree over space and time by a criterion for cells whose last axis is time."""
    # Networks that cells inherit from their parents are those of cells halved along all axes.
    whole = replace(parameters, networks="full")
    verification = Verification(inr, None, parameters, errors)
    criterion = make_criterion(with_time_as_axis(inr, tree), None, whole, verification.error_of)
    return refine_tree(
        tree, criterion, parameters, progress, SpaceTimeSplitting(errors, parameters)
    )
