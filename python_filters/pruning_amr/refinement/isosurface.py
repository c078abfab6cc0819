"""Criterion isosurface: cells are fine where the field takes the values asked for.

The domain is explored as for a contour (`exploration`), whose start lattice is that of a level of
the tree. All cells that a surface meets are of one level, so that what contouring the mesh gives is
closed whatever becomes of hanging vertices elsewhere. It is the coarsest level at which that
surface, at fresh points, is within the tolerance of the true one.
"""

from __future__ import annotations

import math

import numpy as np

from ..cells import corner_offsets
from ..errors import ParameterError
from ..inr import INR
from ..mesh import History, Tree, linear_surface
from ..mesh.lattice import vertex_strides
from .exploration import N_HALVINGS, Cells, Exploration
from .parameters import RefinementParameters, lattice_fits
from .progress import Progress, Stopped, Watch
from .scalar_field import ScalarField, channel_of
from .surface_verification import (
    DISTANCE_QUANTILE,
    cells_given_up_in_error,
    distances_of,
    points_on_simplices,
    summarize,
)

_MOST_START_CELLS = 4_000_000
"""Cells in which the whole domain is sampled."""

_MOST_EXPLORED = 100_000_000
"""Cells looked into; those of the mesh are bounded long before."""

_ROUNDS = 5
"""Of exploring where cells were given up in error."""

_SAMPLES_ON_SURFACE, _SAMPLES_GIVEN_UP = 5_000, 8_192

_BULGE = 2
"""Cells, half as large as those of the start lattice, that a bulge reaches: around an edge two."""

Part = tuple[int, np.ndarray]
"""Cells of a level of the tree, (n, dimension)."""


class IsosurfaceSearch:
    """A search for the mesh on which contours of a field are within the tolerance.

    Parameters
    ----------
    inr : INR
    time : float
    parameters : RefinementParameters
    tree : Tree
        The root grid, which is refined in place.
    progress : callable, optional
        See `Progress`.

    Raises
    ------
    ParameterError
        If there is no value, output or component, or the start lattice is too large.
    """

    def __init__(
        self,
        inr: INR,
        time: float,
        parameters: RefinementParameters,
        tree: Tree,
        progress: Progress | None = None,
    ) -> None:
        p = self._parameters = parameters
        self._tree, self._bounds = tree, tree.bounds
        channel = channel_of(inr, p.output, p.component)
        chain = inr.chain_at(time).with_outputs([channel])
        self._field = ScalarField(chain, p.device, p.memory_mb)
        self._watch = Watch(progress, p.time_limit)
        self._diagonal = float(np.linalg.norm(np.diff(tree.bounds)[:, 0]))
        self._start_level = _start_level(tree, p)
        start = tuple(n << self._start_level for n in tree.root_resolution)
        depth = max(1, p.max_depth - self._start_level)
        while depth > 1 and not lattice_fits(start, depth + N_HALVINGS):
            depth -= 1
        self._exploration = Exploration(tree.bounds, start, depth, p.isovalues, self._field.values)
        # Cells of the mesh at the surface, and how far what they show is from the true one.
        self._parts: list[Part] = []
        self._achieved = math.nan
        self._indicators: dict[int, float] = {}
        self._stopped_by = "criterion"

    def run(self) -> tuple[Tree, History]:
        """Search; return the mesh and how it was found."""
        try:
            self._explore()
        except Stopped as reason:
            self._stopped_by = str(reason)
        self._refine()
        return self._tree, self._history()

    def _explore(self) -> None:
        """Descend, again where cells were given up in error."""
        for number in range(_ROUNDS):
            self._watch(0.0, "Pruning AMR: sampling the domain for the surface")
            self._stopped_by = "criterion"
            if not self._descend():
                return
            wrong, _ = cells_given_up_in_error(
                self._exploration, self._field, _SAMPLES_GIVEN_UP, number, self._parameters.seed
            )
            if not len(wrong):
                return
            self._exploration.look_into(wrong)
        self._stopped_by = "given_up"
        self._achieved = max(self._achieved, self._size(self._start_level))

    def _descend(self) -> bool:
        """Go down level by level to the mesh; tell whether the limits let it begin."""
        first: Cells | None = None
        for cells in self._exploration.generations(_MOST_EXPLORED):
            level = self._start_level + cells.level
            if first is None:
                first = cells
                if not self._fits([(level, cells.index)]):
                    self._take_coarser(cells)
                    return False
                continue
            if cells.level == 1:
                begun = [(level - 1, first.index), (level, self._hidden(cells, first))]
                if not self._fits(begun):
                    self._take_coarser(first)
                    return True
                if self._take(begun):
                    return True
            self._watch(
                level / (self._parameters.max_depth + 1),
                f"Pruning AMR: the surface meets {len(cells)} cells of level {level}",
            )
            if not self._fits([(level, cells.index)]) or self._take([(level, cells.index)]):
                return True
        self._stopped_by = "max_depth"
        return True

    def _hidden(self, cells: Cells, coarser: Cells) -> np.ndarray:
        """Return the cells of pieces of surface that lie between the points of the level before.

        Where a piece that is seen only bulges into a cell, that is left to the tolerance: cells
        that it meets stay of one level.
        """
        within = self._among(cells.index >> 1, coarser.index)
        seen, hidden = cells.take(within), cells.take(~within)
        for _ in range(_BULGE):
            bulge = self._among(hidden.index, self._behind(seen))
            seen, hidden = hidden.take(bulge), hidden.take(~bulge)
        return hidden.index

    def _behind(self, cells: Cells) -> np.ndarray:
        """Return the index of what is behind the faces of cells that a surface passes."""
        sides, found = self._exploration.sides(cells.corners), []
        offsets = corner_offsets(self._tree.dimension)
        for axis in range(self._tree.dimension):
            for place in (0, 1):
                face = sides[:, offsets[:, axis] == place]
                passed = (face.any(axis=1) & ~face.all(axis=1)).any(axis=-1)
                next_ = cells.index[passed].copy()
                next_[:, axis] += 2 * place - 1
                found.append(next_)
        return np.concatenate(found)

    def _among(self, index: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Tell which cells of a level are among others of it, some of these perhaps outside."""
        # A layer around the finest lattice of cells that this is asked of.
        stride = vertex_strides([n + 2 for n in self._exploration.start], 1)
        return np.isin((index + 1) @ stride, (others + 1) @ stride)

    def _fits(self, parts: list[Part]) -> bool:
        """Tell whether the limits of depth and of cells allow a mesh; say which one does not."""
        if any(level > self._parameters.max_depth and len(index) for level, index in parts):
            self._stopped_by = "max_depth"
        elif self._n_cells(parts) > self._parameters.max_cells:
            self._stopped_by = "max_cells"
        else:
            return True
        return False

    def _take(self, parts: list[Part]) -> bool:
        """Take cells for those of the mesh; tell whether to go no further."""
        p, (level, index) = self._parameters, parts[0]
        self._parts, (self._achieved, _) = parts, self._distance(parts)
        self._indicators[level] = self._achieved / p.tolerance
        if self._achieved <= p.tolerance:
            return True
        if level == p.max_depth:
            self._stopped_by = "max_depth"
            return True
        # In each cell that a surface meets it meets a child.
        if self._n_cells(parts) + (self._tree.n_children - 1) * len(index) > p.max_cells:
            self._stopped_by = "max_cells"
            return True
        return False

    def _take_coarser(self, cells: Cells) -> None:
        """Take cells coarser than those of the start lattice, as the limits allow."""
        p, level, index = self._parameters, self._start_level, cells.index
        while level > p.max_depth or (level and self._n_cells([(level, index)]) > p.max_cells):
            level, index = level - 1, np.unique(index >> 1, axis=0)
        self._parts = [(level, index)]
        self._achieved, unseen = self._distance(self._parts)
        if unseen > 1.0 - DISTANCE_QUANTILE or level == self._start_level:
            # Corners do not tell of a surface that may be as far away as cells are large.
            self._achieved = max(self._achieved, self._size(level))
        self._indicators[level] = self._achieved / p.tolerance

    # --- what cells are worth -------------------------------------------------------------

    def _distance(self, parts: list[Part]) -> tuple[float, float]:
        """Return how far the surface in cells is from the true one, and the share without one.

        The distance is the one that 99.9 % are within, relative to the diagonal.
        """
        surfaces, seen, parts = [], 0, self._sampled(parts)
        corners = [self._corner_values(level, index) for level, index in parts]
        for number in range(len(self._parameters.isovalues)):
            found = [
                self._surface(level, index, values, number)
                for (level, index), values in zip(parts, corners, strict=True)
            ]
            surfaces.append(np.concatenate([simplices for simplices, _ in found]))
            seen += sum(len(np.unique(cells)) for _, cells in found)
        total, distances = sum(map(len, surfaces)), []
        for number, simplices in enumerate(surfaces):
            count = math.ceil(_SAMPLES_ON_SURFACE * len(simplices) / max(total, 1))
            distances.append(self._distances(simplices, number, count))
        n_cells = sum(len(index) for _, index in parts)
        unseen = 1.0 - min(1.0, seen / max(n_cells, 1))
        return summarize(np.concatenate(distances)).quantile / self._diagonal, unseen

    def _sampled(self, parts: list[Part]) -> list[Part]:
        """Return so many of the cells that each has a point or more."""
        total, found = sum(len(index) for _, index in parts), []
        for level, index in parts:
            count = math.ceil(_SAMPLES_ON_SURFACE * len(index) / max(total, 1))
            rng = np.random.default_rng([self._parameters.seed, level])
            chosen = rng.permutation(len(index))[:count]
            found.append((level, index[np.sort(chosen)]))
        return found

    def _corner_values(self, level: int, index: np.ndarray) -> np.ndarray:
        """Return the field at the corners of cells, (n, 2^dimension)."""
        below = max(0, self._start_level - level)
        lattice = (index[:, None, :] + corner_offsets(self._tree.dimension)) << below
        finer = max(0, level - self._start_level)
        if finer != 1:
            return self._exploration.lattice.at(lattice, finer)[..., 0]
        # There the exploration knows of some points their side alone.
        flat = lattice.reshape(-1, lattice.shape[2])
        _, first, inverse = np.unique(
            self._exploration.keys(flat, 1), return_index=True, return_inverse=True
        )
        values = self._field.values(self._exploration.positions(flat[first], 1))
        return values[inverse.reshape(-1)].reshape(lattice.shape[:2])

    def _surface(
        self, level: int, index: np.ndarray, values: np.ndarray, number: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the simplices that contouring cells gives, (n, dimension, dimension), and where.

        Their vertices are points of the domain.
        """
        simplices, cells = linear_surface(values, self._exploration.value(number))
        simplices = index[cells][:, None, :] + simplices
        return self._bounds[:, 0] + simplices * self._tree.cell_size(level), cells

    def _distances(self, simplices: np.ndarray, number: int, count: int) -> np.ndarray:
        if not len(simplices):
            return np.zeros(0)
        n, d = simplices.shape[:2]
        points, own = simplices.reshape(n * d, d), np.arange(n * d).reshape(n, d)
        if d > 1:
            seed = self._parameters.seed + 7919 + number
            points = points_on_simplices(points, own, count, seed)
        return distances_of(points, self._exploration.value(number), self._field)

    def _size(self, level: int) -> float:
        """Return the diagonal of the cells of a level, relative to that of the domain."""
        return float(np.linalg.norm(self._tree.cell_size(level))) / self._diagonal

    # --- the tree -------------------------------------------------------------------------

    def _refined(self, parts: list[Part]) -> list[np.ndarray]:
        """Return the keys of the nodes that have these cells below them, level by level."""
        deepest = max((level for level, index in parts if len(index)), default=0)
        refined = []
        for level in range(deepest):
            above = [index >> (k - level) for k, index in parts if k > level]
            refined.append(np.unique(self._keys(np.concatenate(above), level)))
        return refined

    def _keys(self, index: np.ndarray, level: int) -> np.ndarray:
        return index @ vertex_strides(self._tree.root_resolution, level)

    def _uniform(self) -> int:
        """Return how often everything is refined: ``min_depth``, as far as the budget goes."""
        p, tree = self._parameters, self._tree
        levels = range(min(p.min_depth, p.max_depth), -1, -1)
        return next(n for n in levels if tree.n_roots * tree.n_children**n <= p.max_cells)

    def _n_cells(self, parts: list[Part]) -> int:
        """Return how many cells the mesh has that is refined down to these."""
        tree, uniform = self._tree, self._uniform()
        counts = [len(keys) for keys in self._refined(parts)]
        counts[:uniform] = [tree.n_roots * tree.n_children**level for level in range(uniform)]
        return tree.n_roots + (tree.n_children - 1) * sum(counts)

    def _refine(self) -> None:
        tree, refined, uniform = self._tree, self._refined(self._parts), self._uniform()
        nodes = np.arange(tree.n_nodes)
        for level in range(max(len(refined), uniform)):
            if level >= uniform:
                keys = self._keys(tree.index[nodes], level)
                nodes = nodes[np.isin(keys, refined[level])]
            nodes = tree.subdivide(nodes)

    def _history(self) -> History:
        tree, n_levels = self._tree, self._parameters.max_depth + 1
        indicator = np.full(tree.n_nodes, np.nan)
        for level, index in self._parts:
            for coarser, found in self._indicators.items():
                if coarser <= level:
                    here = np.flatnonzero(tree.level == coarser)
                    wanted = self._keys(index >> (level - coarser), coarser)
                    met = np.isin(self._keys(tree.index[here], coarser), wanted)
                    indicator[here[met]] = found
        tested = [0] * n_levels
        for level, count in enumerate(self._exploration.n_explored, self._start_level):
            tested[min(level, n_levels - 1)] += count
        inner = tree.level[tree.first_child >= 0]
        return History(
            indicator,
            tested,
            np.bincount(inner, minlength=n_levels).tolist(),
            self._stopped_by,
            asked_error=self._parameters.tolerance,
            achieved_error=self._achieved,
            surface_cells=sum(len(index) for _, index in self._parts),
        )


def _start_level(tree: Tree, parameters: RefinementParameters) -> int:
    """Return the level whose lattice is as fine as the smallest feature.

    Raises
    ------
    ParameterError
        If it has too many cells.
    """
    longest = float(np.diff(tree.bounds)[:, 0].max())
    ratio = float(tree.cell_size(0).max()) / (parameters.smallest_feature * longest)
    level = max(0, math.ceil(math.log2(ratio) - 1e-9))
    if tree.n_roots * tree.n_children**level > _MOST_START_CELLS:
        cells = " x ".join(str(n << level) for n in tree.root_resolution)
        raise ParameterError(
            f"smallest_feature {parameters.smallest_feature:g} asks for samples in {cells} cells "
            f"over the domain, more than {_MOST_START_CELLS}: raise it."
        )
    return level
