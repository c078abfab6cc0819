"""Criterion isosurface: cells are fine where the field takes the values asked for.

The domain is explored as for a contour (`exploration`), whose start lattice is that of a level of
the tree. Cells that a surface meets are halved where what contouring them draws is foreseen to be
further from it than the tolerance (`surface_prediction`); that is checked at fresh points of all
that is drawn, and asked for more strictly until it is met. Leaves are split where vertices hang on
them, so that the contour is closed. Where they are not (``hanging_nodes`` free or constrained), all
cells at the surface, and those around them (`surface_tree`), are of one level, the coarsest within
the tolerance.
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
from .start_samples import StartSamples
from .surface_prediction import distances_of_cells, distances_of_halves
from .surface_tree import Part, SurfaceTree
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

_ALLOWED, _STRICTER = 0.7, 0.9
"""How far a cell may be foreseen to be off, over the tolerance, at first; and what is asked for the
next time, over what would do if errors were in proportion."""


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
    before : StartSamples, optional
        Of the same component at this or another time, to start from.

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
        before: StartSamples | None = None,
    ) -> None:
        p = self._parameters = parameters
        self._tree, self._bounds = tree, tree.bounds
        self._cells = SurfaceTree(tree, parameters)
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
        self._exploration = Exploration(
            tree.bounds, start, depth, p.isovalues, self._field.values, time, before
        )
        self._one_level = self._cells.whole
        self._allowed = 1.0 if self._one_level else _ALLOWED
        # Cells of the mesh at the surface, and how far what they show is from the true one.
        self._parts: list[Part] = []
        self._achieved = math.nan
        self._indicators: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._stopped_by = "criterion"

    @property
    def samples(self) -> StartSamples | None:
        """Of the whole domain, from which searches at other times can start."""
        return self._exploration.samples

    def run(self) -> tuple[Tree, History]:
        """Search; return the mesh and how it was found."""
        try:
            self._explore()
        except Stopped as reason:
            self._stopped_by = str(reason)
            if self._parts:
                self._measure()
        self._cells.refine(self._parts)
        return self._tree, self._history()

    def _explore(self) -> None:
        """Descend, again where cells were given up in error."""
        for number in range(_ROUNDS):
            self._watch(0.0, "Pruning AMR: sampling the domain for the surface")
            if not self._meet_tolerance():
                return
            wrong, _ = cells_given_up_in_error(
                self._exploration, self._field, _SAMPLES_GIVEN_UP, number, self._parameters.seed
            )
            if not len(wrong):
                return
            self._exploration.look_into(wrong)
        self._stopped_by = "given_up"
        self._achieved = max(self._achieved, self._size(self._start_level))

    def _meet_tolerance(self) -> bool:
        """Descend as strictly as it takes; tell whether the limits let it begin."""
        tolerance = self._parameters.tolerance
        while True:
            self._stopped_by = "criterion"
            if not self._descend():
                return False
            self._measure()
            if self._achieved <= tolerance or self._stopped_by != "criterion":
                return True
            self._allowed *= _STRICTER * tolerance / self._achieved

    def _descend(self) -> bool:
        """Go down level by level to the mesh; tell whether the limits let it begin."""
        parts: list[Part] = []
        needs = np.zeros(0)
        for cells in self._exploration.generations(_MOST_EXPLORED):
            if cells.level == 0:
                first, parts = cells, [(self._start_level, cells.index)]
                if not self._fits(parts):
                    self._take_coarser(cells)
                    return False
                self._keep(parts)
                continue
            if cells.level == 1:
                needs = self._needs(first, distances_of_cells(self._exploration, first.index, 0))
                cells = self._unsettled(cells, first.take(needs <= self._allowed), first)
            level = self._start_level + cells.level
            self._watch(
                level / (self._parameters.max_depth + 1),
                f"Pruning AMR: the surface meets {len(cells)} cells of level {level}",
            )
            parts, all_wanted = self._refined(parts, (level, cells.index), needs, cells.level == 1)
            self._keep(parts)
            if not all_wanted:
                break
            needs = self._needs(cells, distances_of_halves(self._exploration, cells))
            if (needs <= self._allowed).all():
                break
            if not self._one_level:
                self._exploration.settle(cells.index[needs <= self._allowed], cells.level)
        else:
            self._stopped_by = "max_depth"
        self._parts = parts
        return True

    def _keep(self, parts: list[Part]) -> None:
        """Keep cells in case of a stop, unless there are finer ones."""
        if not self._parts or self._cells.n_cells(parts) >= self._cells.n_cells(self._parts):
            self._parts = parts

    def _measure(self) -> None:
        self._achieved, _ = self._distance(self._parts)

    def _needs(self, cells: Cells, distances: np.ndarray) -> np.ndarray:
        """Return how far cells are foreseen to be off, over the tolerance, and remember it."""
        level, p = self._start_level + cells.level, self._parameters
        needs = distances / (self._diagonal * p.tolerance)
        if self._one_level:
            found, _ = self._distance([(level, cells.index)])
            needs = np.full(len(cells), found / p.tolerance)
        self._indicators[level] = cells.index, needs
        return needs

    def _refined(
        self, parts: list[Part], wanted: Part, needs: np.ndarray, begins: bool
    ) -> tuple[list[Part], bool]:
        """Return the mesh refined to cells, as far as the limits go, and whether that is all."""
        level, index = wanted
        if level > self._parameters.max_depth and len(index):
            self._stopped_by = "max_depth"
            return parts, False
        refined, all_wanted = self._cells.affordable(
            parts, wanted, needs, math.inf if begins else -math.inf
        )
        if not all_wanted:
            self._stopped_by = "max_cells"
        return refined, all_wanted

    def _unsettled(self, cells: Cells, settled: Cells, first: Cells) -> Cells:
        """Settle what needs no halving of the first cells; return the halves of the others.

        Pieces of surface between the points of the start lattice are among these. Where a piece
        only bulges into a cell from one that is settled, that is left to the tolerance.
        """
        within = self._among(cells.index >> 1, settled.index)
        done, left = cells.take(within), cells.take(~within)
        unseen = ~self._among(left.index >> 1, first.index)
        seen, hidden = left.take(~unseen), left.take(unseen)
        bulges, around = [done.index], done
        for _ in range(_BULGE):
            bulge = self._among(hidden.index, self._behind(around))
            around, hidden = hidden.take(bulge), hidden.take(~bulge)
            bulges.append(around.index)
        self._exploration.settle(np.concatenate(bulges), 1)
        return Cells(
            1,
            np.concatenate([seen.index, hidden.index]),
            np.concatenate([seen.corners, hidden.corners]),
        )

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
        elif self._cells.n_cells(parts) > self._parameters.max_cells:
            self._stopped_by = "max_cells"
        else:
            return True
        return False

    def _take_coarser(self, cells: Cells) -> None:
        """Take cells coarser than those of the start lattice, as the limits allow."""
        p, level, index = self._parameters, self._start_level, cells.index
        finer = index
        while level > p.max_depth or (
            level and self._cells.n_cells([(level, index)]) > p.max_cells
        ):
            level, finer, index = level - 1, index, np.unique(index >> 1, axis=0)
        distances = distances_of_cells(self._exploration, index, level - self._start_level)
        needs = distances / (self._diagonal * p.tolerance)
        parts: list[Part] = [(level, index)]
        if level < min(self._start_level, p.max_depth) and not self._one_level:
            # What corners do not show may be as far away as cells are large.
            needs = np.where(needs > 0, needs, self._size(level) / p.tolerance)
            parts, _ = self._cells.affordable(parts, (level + 1, finer), needs)
        self._parts, self._indicators[level] = parts, (index, needs)
        self._achieved, unseen = self._distance(self._parts)
        if unseen > 1.0 - DISTANCE_QUANTILE or level == self._start_level:
            # Corners do not tell of a surface that may be as far away as cells are large.
            self._achieved = max(self._achieved, self._size(level))

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

    # --- how it was found -----------------------------------------------------------------

    def _history(self) -> History:
        tree, n_levels = self._tree, self._parameters.max_depth + 1
        indicator = np.full(tree.n_nodes, np.nan)
        for level, (index, needs) in self._indicators.items():
            here = np.flatnonzero(tree.level == level)
            known, keys = self._cells.keys(index, level), self._cells.keys(tree.index[here], level)
            _, of_tree, of_needs = np.intersect1d(keys, known, return_indices=True)
            indicator[here[of_tree]] = needs[of_needs]
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
