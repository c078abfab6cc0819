"""One adaptive mesh of a field for all times, and what it is at each of them."""

from __future__ import annotations

import time as clock
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..inr import INR
from .balance import balanced
from .course import Refinement
from .parameters import RefinementParameters
from .progress import Progress
from .space_time_errors import space_time_evaluator
from .space_time_refinement import refine_space_time
from .space_time_tree import SpaceTimeTree
from .space_time_values import CornerValues, center_values
from .time_slice import TimeSlice
from .tree import Tree
from .vertices import multilinear_weights

_KEPT_SLICES = 4


@dataclass
class SpaceTimeMesh:
    """The adaptive mesh of a field over space and time.

    Attributes
    ----------
    inr : INR
    parameters : RefinementParameters
    tree : SpaceTimeTree
    refinement : Refinement
        The course of the refinement; errors are those over space and time.
    corners : CornerValues
    seconds : dict of str to float
        Wall-clock time by stage.
    """

    inr: INR
    parameters: RefinementParameters
    tree: SpaceTimeTree
    refinement: Refinement
    corners: CornerValues
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._slices: OrderedDict[float, TimeSlice] = OrderedDict()

    def with_parameters(self, parameters: RefinementParameters) -> SpaceTimeMesh:
        """Return the same cells with other parameters that lead to the `same_cells`."""
        other = replace(self, parameters=parameters)
        for name in ("points", "intervals", "center_values"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @property
    def n_cells(self) -> int:
        """Number of cells of all times."""
        return self.tree.n_leaves

    @property
    def nbytes(self) -> int:
        """Memory of the tree and of the values at the corners of its cells, in bytes."""
        return self.tree.nbytes + self.corners.nbytes

    @cached_property
    def points(self) -> np.ndarray:
        """The vertices of all times in space, shape (n_vertices, dimension)."""
        tree, lattice = self.tree, self.corners.lattice
        bounds = tree.bounds[:-1]
        extent = np.left_shift(np.asarray(tree.root_resolution[:-1], np.int64), tree.depth)
        size = np.diff(bounds)[:, 0] / np.asarray(tree.root_resolution[:-1]) / 2.0**tree.depth
        # The last lattice plane is the bound itself, whatever rounding says.
        return np.where(lattice == extent, bounds[:, 1], bounds[:, 0] + lattice * size)

    @cached_property
    def intervals(self) -> np.ndarray:
        """Beginning and end of the interval of each node, shape (n_nodes, 2)."""
        nodes = np.arange(self.tree.n_nodes)
        low = self.tree.lower_corner(nodes)[:, -1]
        return np.stack([low, low + self.tree.node_size(nodes)[:, -1]], axis=1)

    @cached_property
    def center_values(self) -> np.ndarray:
        """The field at the centre of every node at both ends of its interval.

        Shape (n_nodes, 2, n_outputs), float32; evaluated for all times at once, when first asked
        for.
        """
        return center_values(self.tree, space_time_evaluator(self.inr, self.parameters))

    def at(self, time: float | None = None) -> TimeSlice:
        """Return the mesh at a time (None: the first time step); the last few are kept."""
        key = self.inr.clamp_time(time)
        if key not in self._slices:
            self._slices[key] = self._sliced(key)
            while len(self._slices) > _KEPT_SLICES:
                self._slices.popitem(last=False)
        self._slices.move_to_end(key)
        return self._slices[key]

    def interpolate(self, points: np.ndarray) -> np.ndarray:
        """Return the field that the mesh stands for, shape (n_points, n_outputs), float64.

        In each cell it is interpolated between the values at its corners and at both ends of its
        interval.

        Parameters
        ----------
        points : numpy.ndarray, shape (n_points, dimension + 1)
            The last coordinate is time.
        """
        leaf = self.tree.locate(points)
        local = (points - self.tree.lower_corner(leaf)) / self.tree.node_size(leaf)
        place = self.corners.place[self.corners.row[leaf]].reshape(len(leaf), -1)
        weights = multilinear_weights(np.clip(local, 0.0, 1.0))
        total = np.zeros((len(points), self.corners.values.shape[1]))
        for corner in range(place.shape[1]):
            total += weights[:, corner, None] * self.corners.values[place[:, corner]]
        return total

    def _sliced(self, time: float) -> TimeSlice:
        started = clock.perf_counter()
        same = next((s for s in reversed(self._slices.values()) if s.holds(time)), None)
        if same is not None:
            found = same.moved_to(time)
        else:
            tree, nodes = self.tree.at_time(time)
            finer, old = balanced(tree, self.parameters.balance_across)
            nodes = np.where(old >= 0, nodes[old], -1)
            found = TimeSlice(
                self.inr,
                time,
                self.parameters,
                finer,
                self._course(finer, nodes),
                whole=self,
                nodes=nodes,
            )
        found.seconds = {**self.seconds, "slice": clock.perf_counter() - started}
        return found

    def _course(self, tree: Tree, nodes: np.ndarray) -> Refinement:
        """Return the course of the refinement as far as the nodes of a time have seen it."""
        known = nodes >= 0
        indicator = np.full(tree.n_nodes, np.nan)
        indicator[known] = self.refinement.indicator[nodes[known]]
        n_levels = self.parameters.max_depth + 1
        return Refinement(
            indicator,
            np.bincount(tree.level, minlength=n_levels).tolist(),
            np.bincount(tree.level[tree.first_child >= 0], minlength=n_levels).tolist(),
            self.refinement.stopped_by,
            self.refinement.asked_error,
            self.refinement.achieved_error,
        )


def build_space_time_mesh(
    inr: INR, parameters: RefinementParameters, progress: Progress | None = None
) -> SpaceTimeMesh:
    """Refine one mesh of a field with time for all times.

    Parameters
    ----------
    inr : INR
    parameters : RefinementParameters
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.

    Raises
    ------
    MetadataError
        If the bounds of the field are not known.
    ParameterError
        If the parameters do not suit the field, or have no meaning over space and time.
    """
    started = clock.perf_counter()
    roots = parameters.space_time_root_grid(inr.spatial_bounds)
    bounds = np.vstack([inr.spatial_bounds, inr.checked_bounds()[inr.time_axis]])
    tree = SpaceTimeTree.regular(bounds, roots)
    tree, course, errors = refine_space_time(inr, parameters, tree, progress)
    if parameters.values == "exact":
        errors.forget_local(tree)
    corners = CornerValues.of(tree, errors)
    seconds = {"refinement": clock.perf_counter() - started}
    return SpaceTimeMesh(inr, parameters, tree, course, corners, seconds)
