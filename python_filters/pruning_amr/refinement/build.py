"""From a field and parameters to its mesh."""

from __future__ import annotations

import time as clock

import numpy as np

from ..inr import INR
from .balance import balanced
from .course import Refinement
from .criteria import make_criterion
from .mesh import Mesh
from .parameters import RefinementParameters
from .progress import Progress
from .refine import refine_tree
from .target import refine_to_target
from .tree import Tree


def build_mesh(
    inr: INR,
    parameters: RefinementParameters,
    time: float | None = None,
    progress: Progress | None = None,
    similar: Tree | None = None,
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
        tree, course = refine_to_target(inr, time, parameters, tree, progress, similar)
    else:
        course = refine_tree(tree, make_criterion(inr, time, parameters), parameters, progress)
        tree, course = _balance(tree, course, parameters)
    seconds = {"refinement": clock.perf_counter() - started}
    return Mesh(inr, time, parameters, tree, course, seconds)


def _balance(
    tree: Tree, course: Refinement, parameters: RefinementParameters
) -> tuple[Tree, Refinement]:
    finer, origin = balanced(tree, parameters.balance_across)
    if finer is not tree:
        known = origin >= 0
        indicator = np.full(finer.n_nodes, np.nan)
        indicator[known] = course.indicator[origin[known]]
        inner = finer.level[finer.first_child >= 0]
        course.indicator = indicator
        course.refined = np.bincount(inner, minlength=len(course.refined)).tolist()
    return finer, course
