"""The refinement loop: estimate, mark, refine whole generations of cells, within a budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..cells import Boxes
from ..inr.threads import n_threads, parallel_map
from ..mesh import History, SpaceTimeTree, Tree
from .criteria.base import Criterion
from .parameters import RefinementParameters
from .progress import Progress, Stopped, Watch

_MAX_BATCH = 1024
"""Cells per call of a criterion at most, so that progress is seen and stopping is quick."""


class Splitting:
    """Refines nodes along all axes.

    Parameters
    ----------
    parameters : RefinementParameters
    """

    def __init__(self, parameters: RefinementParameters) -> None:
        self.parameters = parameters

    def can_split(self, tree: Tree, nodes: np.ndarray) -> np.ndarray:
        """Return which nodes have not reached the limit of depth, (n,), bool."""
        return tree.level[nodes] < self.parameters.max_depth

    def split(self, tree: Tree, nodes: np.ndarray) -> np.ndarray:
        """Refine leaves, those that it can help; return their children."""
        return tree.subdivide(nodes)

    def split_in_space(self, tree: Tree, nodes: np.ndarray) -> np.ndarray:
        """Refine leaves along all spatial axes; return their children."""
        return tree.subdivide(nodes)


def refine_tree(
    tree: Tree | SpaceTimeTree,
    criterion: Criterion,
    parameters: RefinementParameters,
    progress: Progress | None = None,
    splitting: Splitting | None = None,
) -> History:
    """Refine a tree in place until the criterion is satisfied or a limit is reached.

    Parameters
    ----------
    tree : Tree or SpaceTimeTree
        The root grid.
    criterion : Criterion
    parameters : RefinementParameters
    progress : callable, optional
        See `Progress`.
    splitting : Splitting, optional
        By default along all axes.

    Returns
    -------
    History
    """
    history = History(np.full(tree.n_nodes, np.nan))
    history.tested = [0] * (parameters.max_depth + 1)
    history.refined = [0] * (parameters.max_depth + 1)
    watch = Watch(progress, parameters.time_limit)
    splitting = splitting or Splitting(parameters)
    new = _refine_uniformly(tree, history, parameters, splitting)
    waiting, unhelped = np.empty(0, np.int64), 0
    try:
        while not criterion.satisfied(tree):
            new = new[splitting.can_split(tree, new)]
            _estimate(tree, new, criterion, history, parameters, watch)
            waiting = np.concatenate([waiting, new[history.indicator[new] > 1.0]])
            if not len(waiting):
                if unhelped:
                    raise Stopped("max_depth")
                break
            chosen = _mark(tree, waiting, history.indicator, parameters.max_cells)
            if not len(chosen):
                raise Stopped("max_cells")
            waiting = np.setdiff1d(waiting, chosen)
            new = _refine(tree, chosen, history, splitting.split)
            unhelped += np.count_nonzero(tree.first_child[chosen] < 0)
    except Stopped as reason:
        history.stopped_by = str(reason)
    history.achieved_error = criterion.achieved_error
    if history.achieved_error is not None:
        history.asked_error = parameters.tolerance
    if history.stopped_by == "criterion" and tree.depth == parameters.max_depth:
        history.stopped_by = "max_depth"
    return history


def _refine_uniformly(
    tree: Tree, history: History, parameters: RefinementParameters, splitting: Splitting
) -> np.ndarray:
    """Refine everything ``min_depth`` times, as far as the budget goes; return the leaves."""
    leaves = np.arange(tree.n_nodes)
    for _ in range(min(parameters.min_depth, parameters.max_depth)):
        if len(leaves) * tree.n_children > parameters.max_cells:
            break
        leaves = _refine(tree, leaves, history, splitting.split_in_space)
    return leaves


def _refine(
    tree: Tree,
    nodes: np.ndarray,
    history: History,
    split: Callable[[Tree, np.ndarray], np.ndarray],
) -> np.ndarray:
    children = split(tree, nodes)
    refined = nodes[tree.first_child[nodes] >= 0]
    counts = np.bincount(tree.level[refined], minlength=len(history.refined))
    history.refined = [a + int(b) for a, b in zip(history.refined, counts, strict=True)]
    history.indicator = np.concatenate([history.indicator, np.full(len(children), np.nan)])
    return children


def _estimate(
    tree: Tree,
    nodes: np.ndarray,
    criterion: Criterion,
    history: History,
    parameters: RefinementParameters,
    watch: Callable[[float, str], None],
) -> None:
    """Ask the criterion about `nodes`, in batches that fit the memory budget."""
    if not len(nodes):
        return
    device = criterion.device
    workers = n_threads(device)
    batch = int(parameters.memory_mb * 2**20 / (workers * criterion.bytes_per_cell))
    # No larger than it takes to keep all cores busy and the progress bar moving.
    batch = max(1, min(batch, _MAX_BATCH, -(-len(nodes) // workers)))
    parts = [nodes[start : start + batch] for start in range(0, len(nodes), batch)]
    level = int(tree.level[nodes].max())
    done, before, after = (
        0,
        sum(history.tested),
        _expected(tree, level, len(nodes), parameters, history),
    )

    def indicators(part: np.ndarray) -> np.ndarray:
        return criterion(boxes_of(tree, part, device)).cpu().numpy()

    def say() -> None:
        fraction = (before + done) / (before + len(nodes) + after)
        watch(
            fraction,
            f"Pruning AMR: level {level} of {parameters.max_depth}, {done:,} of {len(nodes):,} "
            f"cells tested, {tree.n_leaves:,} cells",
        )

    say()
    for part, indicator in zip(parts, parallel_map(indicators, parts, device), strict=True):
        # A field that is not finite in a cell cannot be called resolved there.
        history.indicator[part] = np.nan_to_num(indicator, nan=np.inf)
        counts = np.bincount(tree.level[part], minlength=len(history.tested))
        history.tested = [a + int(b) for a, b in zip(history.tested, counts, strict=True)]
        done += len(part)
        say()


def _expected(
    tree: Tree, level: int, n_nodes: int, parameters: RefinementParameters, history: History
) -> float:
    """Return how many cells will be tested on finer levels, if these grow as they did so far."""
    last = history.tested[level - 1] if level else 0
    growth = n_nodes / last if last else float(tree.n_children)
    # Cells of the last level are not tested.
    finer = sum(growth**k for k in range(1, parameters.max_depth - level))
    room = (parameters.max_cells - tree.n_leaves) * tree.n_children / (tree.n_children - 1)
    return min(n_nodes * finer, max(room, 0.0))


def _mark(tree: Tree, waiting: np.ndarray, indicator: np.ndarray, max_cells: int) -> np.ndarray:
    """Return which of the waiting cells to refine now, those with the largest indicator first.

    When not all fit, half of what fits is refined, so that the rest of the budget is still
    there for children whose error turns out larger than that of the cells left waiting.
    """
    room = (max_cells - tree.n_leaves) // (tree.n_children - 1)
    if len(waiting) <= room:
        return waiting
    if room <= 0:
        return waiting[:0]
    keys = [*tree.index[waiting].T, tree.shape_key(waiting), -indicator[waiting]]
    return waiting[np.lexsort(keys)[: max(1, room // 2)]]


def boxes_of(tree: Tree | SpaceTimeTree, nodes: np.ndarray, device: torch.device) -> Boxes:
    """Return the boxes of nodes of a tree in space, or over space and time, on a device."""
    arrays = (
        tree.shape_key(nodes).astype(np.int64),
        tree.index[nodes].astype(np.int64),
        tree.lower_corner(nodes),
        tree.node_size(nodes),
    )
    return Boxes(*(torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays))
