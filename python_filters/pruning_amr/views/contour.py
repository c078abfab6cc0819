"""Contours of a network: points, lines or surfaces on which its field takes a value.

The lattice is explored only where a surface can be (`refinement.exploration`), the surface is taken
from the cells it meets and its vertices moved onto it (`level_set`), its edges are split where it
bends (`curving`), and what was found is verified at fresh points (`verification`).

Networks pruned in cells, which meshes and many points are evaluated by, are left out here: all that
is evaluated in order are the some 300,000 samples of the start lattice, and for so many points the
plan of local networks itself finds that the whole one is faster (of the CT sample at tolerances of
0.001 and 0.01; planning takes 3 to 5 % of evaluating them); what follows has a few points a cell.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Sequence

import numpy as np

from ..errors import ParameterError
from ..inr import INR, Evaluator, fingerprint
from ..refinement import Progress, Stopped, Watch
from ..refinement.exploration import N_HALVINGS, Cells, Exploration
from ..refinement.parameters import lattice_fits
from ..refinement.scalar_field import ScalarField, channel_of
from ..refinement.start_samples import StartSamples
from ..refinement.surface_verification import Distances, cells_given_up_in_error, summarize
from .contour_parameters import ContourParameters
from .contour_result import ContourReport, ContourSurface
from .curving import split_where_bent
from .flipping import flip_turned, turned_triangles
from .level_set import Extract, LevelSet, Missing, find_level_set, unit_vectors
from .simplices import edges_of
from .verification import distances_at_fresh_points

_SAMPLES_ON_SURFACE, _SAMPLES_GIVEN_UP = 5_000, 8_192

_CELL_OF_TOLERANCE = 16.0
"""Edge of the finest cells over the tolerance, at most: the splitting of edges does the rest."""

_SHARES = (0.25, 0.125, 0.0625, 0.03125)
"""Share of the tolerance that an edge may deviate by, as its normals tell it; one after the other
until the tolerance is met at fresh points."""

_GAIN = 0.9
"""Distance of a surface over that before its edges were split, at most, for more to be split."""

_SHARE_OF_VERTICES = 0.02
"""Share of the tolerance that vertices may be off."""

_LONGEST_SEARCH = 5
"""Rounds of exploring where cells were given up in error."""


def find_contour(
    inr: INR,
    values: Sequence[float],
    parameters: ContourParameters,
    extract: Extract,
    time: float | None = None,
    progress: Progress | None = None,
    before: ContourSurface | None = None,
) -> ContourSurface:
    """Find the contour of a field.

    Parameters
    ----------
    inr : INR
    values : sequence of float
    parameters : ContourParameters
    extract : callable
        See `pruning_amr.views.level_set.Extract`; not needed for a field of one dimension.
    time : float, optional
        By default the first time step.
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.
    before : ContourSurface, optional
        Another one: if it is of the same component and ``smallest_feature``, its samples of the
        domain are taken over where the field has changed too little since, or not at all.

    Raises
    ------
    ParameterError
        If there is no such output or component, or the start lattice has more than ``max_cells``.
    Stopped
        If `progress` asks for it.
    """
    search = _Search(inr, values, parameters, extract, time, progress, before)
    return search.run()


class _Search:
    """One search for a contour, with what it costs."""

    def __init__(
        self,
        inr: INR,
        values: Sequence[float],
        parameters: ContourParameters,
        extract: Extract,
        time: float | None,
        progress: Progress | None,
        before: ContourSurface | None,
    ) -> None:
        self.inr, self.values, self.parameters = inr, tuple(values), parameters
        self.channel = channel_of(inr, parameters.output, parameters.component)
        self._chain, self._extract = inr.chain_at(time), extract
        self.bounds = inr.spatial_bounds
        self._field = ScalarField(
            self._chain.with_outputs([self.channel]),
            parameters.device,
            parameters.memory_mb,
            self._look,
        )
        self._watch = Watch(progress, parameters.time_limit)
        self._at: tuple[float, str] = (0.0, "INR Contour: exploring")
        # Without the start lattice, and at the end a measurement, there is nothing to show.
        self._may_stop = False
        self._diagonal = float(np.linalg.norm(np.diff(self.bounds)[:, 0]))
        self._start = start_cells(self.bounds, parameters)
        depth = finest_level(self.bounds, self._start, parameters)
        self._exploration = Exploration(
            self.bounds,
            self._start,
            depth,
            self.values,
            self._field.values,
            inr.clamp_time(time),
            None if before is None else self._samples_of(before),
        )
        self._stopped_by = ""
        self._missing: list[Missing] = []
        self._seconds: dict[str, float] = {}
        self._given_up = [0, 0, 0]

    def run(self) -> ContourSurface:
        cells = self._timed("exploration", self._explore)
        surfaces = self._timed("vertices", self._take_surfaces, cells)
        n_vertices = sum(len(s.points) for s in surfaces)
        surfaces, distances = self._timed("curving", self._curve, surfaces)
        joined = _joined(surfaces)
        outputs = self._timed("outputs", self._outputs, surfaces)
        report = self._report(cells, joined, distances, len(joined.points) - n_vertices)
        gradients = joined.gradients
        return ContourSurface(
            self.inr,
            self.values,
            self.channel,
            joined.points,
            joined.simplices,
            unit_vectors(gradients),
            gradients,
            outputs,
            report,
            self._exploration.samples,
        )

    def _samples_of(self, before: ContourSurface) -> StartSamples | None:
        """Return the samples of another contour, if they are of the same field."""
        same = before.channel == self.channel and before.report.start_cells == self._start
        same = same and (before.inr is self.inr or fingerprint(before.inr) == fingerprint(self.inr))
        return before.samples if same else None

    def _timed(self, stage: str, work, *arguments):
        started = clock.perf_counter()
        result = work(*arguments)
        self._seconds[stage] = self._seconds.get(stage, 0.0) + clock.perf_counter() - started
        return result

    def _explore(self) -> Cells:
        """Return the finest cells that the contour meets, after looking where it was missed."""
        before = None
        for number in range(_LONGEST_SEARCH):
            cells = self._finest_cells(0.05 + 0.1 * number)
            if self._stopped_by:
                # Each round begins at the coarsest level again.
                coarser = before is not None and cells.level < before.level
                return before if coarser else cells
            before = cells
            try:
                wrong, n_points = cells_given_up_in_error(
                    self._exploration, self._field, _SAMPLES_GIVEN_UP, number, self.parameters.seed
                )
            except Stopped as stop:
                self._stop(stop)
                return cells
            self._given_up[0] = n_points
            self._given_up[1] += len(wrong)
            self._given_up[2] = len(wrong)
            if not len(wrong):
                return cells
            self._exploration.look_into(wrong)
        return cells

    def _finest_cells(self, fraction: float) -> Cells:
        exploration, cells = self._exploration, None
        try:
            for cells in exploration.generations(self.parameters.max_cells):
                self._may_stop = True
                self._go_on(fraction, f"INR Contour: exploring level {cells.level}")
        except Stopped as stop:
            self._stop(stop)
        if not self._stopped_by and cells.level < exploration.depth:
            self._stopped_by = "max_cells"
        return cells

    def _take_surfaces(self, cells: Cells) -> list[LevelSet]:
        precision = _SHARE_OF_VERTICES * self.parameters.tolerance * self._diagonal
        room = self.parameters.max_cells - math.prod(self._start)
        room -= sum(self._exploration.n_explored)
        surfaces = []
        for i in range(len(self.values)):
            self._at = 0.4 + 0.1 * i / len(self.values), "INR Contour: placing vertices"
            surface, missing = find_level_set(
                cells, self._exploration, i, self._field, self._extract, precision, room
            )
            room -= missing.n_looked_into
            surfaces.append(surface)
            self._missing.append(missing)
            self._stopped_by = self._stopped_by or missing.stopped_by
        return surfaces

    def _curve(self, surfaces: list[LevelSet]) -> tuple[list[LevelSet], Distances]:
        """Split edges until fresh points are within the tolerance, or no nearer any more."""
        wanted = self.parameters.tolerance * self._diagonal
        distances, missed = None, "rounds"
        for step, share in enumerate(_SHARES):
            if self.inr.dimension == 1:
                break
            try:
                self._go_on(0.5 + 0.1 * step, "INR Contour: splitting edges")
                before = list(surfaces), distances
                for i in range(len(surfaces)):
                    surfaces[i] = self._split(surfaces[i], i, share * wanted)
                distances = self._distances(surfaces, step)
            except Stopped as stop:
                self._stop(stop)
                distances = None
                break
            if distances.quantile <= wanted:
                break
            if before[1] is not None and not _nearer(distances, before[1]):
                # Where the field is noise, every vertex put onto it is on another piece.
                (surfaces, distances), missed = before, "no_gain"
                break
        self._may_stop = False
        distances = distances or self._distances(surfaces, 0)
        if not self._stopped_by:
            self._stopped_by = "tolerance" if distances.quantile <= wanted else missed
        return surfaces, distances

    def _split(self, surface: LevelSet, number: int, deviation: float) -> LevelSet:
        # A new edge may be bent as well; each is half as long as the one before.
        for _ in range(3):
            before = surface
            value = self._exploration.value(number)
            try:
                surface = split_where_bent(before, value, self._field, self.bounds, deviation)
            except Stopped as stop:
                self._stop(stop)
                break
            if surface is before:
                break
        return flip_turned(surface)

    def _distances(self, surfaces: list[LevelSet], step: int) -> Distances:
        total = sum(len(s.simplices) for s in surfaces)
        found = []
        for i, surface in enumerate(surfaces):
            count = math.ceil(_SAMPLES_ON_SURFACE * len(surface.simplices) / max(total, 1))
            value, seed = self._exploration.value(i), self.parameters.seed + 7919 * (step + 1) + i
            found.append(distances_at_fresh_points(surface, value, self._field, count, seed))
        return summarize(np.concatenate(found))

    def _outputs(self, surfaces: list[LevelSet]) -> np.ndarray:
        """Return all outputs at the vertices; the one contoured is known."""
        count = [len(s.points) for s in surfaces]
        known = np.repeat(np.asarray(self.values, np.float32), count)
        if self._chain.n_outputs == 1:
            return known[:, None]
        evaluator = Evaluator(self._chain, self.parameters.device, self.parameters.memory_mb)
        outputs = evaluator.numpy(np.concatenate([s.points for s in surfaces]))
        self._field.n_values += len(outputs)
        outputs[:, self.channel] = known
        return outputs

    def _go_on(self, fraction: float, text: str) -> None:
        """Say how far the search is; raise `Stopped` if it is to end."""
        self._at = fraction, text
        self._watch(fraction, text)

    def _look(self) -> None:
        """Say the same again between two batches of points."""
        try:
            self._watch(*self._at)
        except Stopped as stop:
            if str(stop) != "time_limit" or self._may_stop:
                raise

    def _stop(self, stop: Stopped) -> None:
        """Go on with what there is at the time limit, with nothing at the user's wish."""
        if str(stop) != "time_limit":
            raise stop
        self._stopped_by = "time_limit"

    def _report(
        self, cells: Cells, joined: LevelSet, distances: Distances, n_split: int
    ) -> ContourReport:
        normals = unit_vectors(joined.gradients)
        return ContourReport(
            self.parameters.tolerance,
            distances.rms / self._diagonal,
            distances.quantile / self._diagonal,
            distances.largest / self._diagonal,
            distances.n_points,
            self._start,
            tuple(n << cells.level for n in self._start),
            tuple(self._exploration.n_explored),
            len(cells),
            self._exploration.depth - cells.level,
            any(m.unclear for m in self._missing),
            sum(m.n_looked_into for m in self._missing),
            sum(m.n_left for m in self._missing),
            *self._given_up,
            self._field.n_values,
            self._field.n_gradients,
            n_split,
            _open_ends(joined, self.bounds),
            int(np.count_nonzero(turned_triangles(joined))),
            int(np.count_nonzero(~normals.any(axis=1))),
            self._stopped_by,
            self._seconds,
        )


def start_cells(bounds: np.ndarray, parameters: ContourParameters) -> tuple[int, ...]:
    """Return the cells along each axis of the lattice that is sampled everywhere.

    Raises
    ------
    ParameterError
        If there are more than ``max_cells``.
    """
    extent = np.diff(bounds)[:, 0]
    along = np.ceil(extent / extent.max() / parameters.smallest_feature - 1e-9)
    start = tuple(int(max(n, 2)) for n in along)
    if math.prod(start) > parameters.max_cells:
        raise ParameterError(
            f"smallest_feature {parameters.smallest_feature:g} asks for "
            f"{' x '.join(map(str, start))} cells over the domain, more than max_cells "
            f"{parameters.max_cells}: raise one of them."
        )
    return start


def finest_level(bounds: np.ndarray, start: tuple[int, ...], parameters: ContourParameters) -> int:
    """Return how often start cells are halved for the tolerance, at least once."""
    extent = np.diff(bounds)[:, 0]
    wanted = _CELL_OF_TOLERANCE * parameters.tolerance * np.linalg.norm(extent)
    halvings = max(1, round(math.log2(float((extent / np.asarray(start)).max()) / wanted)))
    # Cells may be halved further still, and their centres are vertices.
    if not lattice_fits(start, halvings + N_HALVINGS + 1):
        raise ParameterError(
            f"tolerance {parameters.tolerance:g} asks for cells halved {halvings} times, more than "
            "can be numbered: raise it."
        )
    return halvings


def _nearer(now: Distances, before: Distances) -> bool:
    """Tell whether a surface is nearer to the true one than another."""
    return now.quantile < _GAIN * before.quantile or now.rms < _GAIN * before.rms


def _joined(surfaces: list[LevelSet]) -> LevelSet:
    first = np.cumsum([0, *(len(s.points) for s in surfaces)])
    parts = [s.simplices + n for s, n in zip(surfaces, first, strict=False)]
    return LevelSet(
        np.concatenate([s.points for s in surfaces]),
        np.concatenate([s.gradients for s in surfaces]),
        np.concatenate(parts),
    )


def _open_ends(surface: LevelSet, bounds: np.ndarray) -> int:
    """Return how many edges of triangles, or ends of lines, are open inside the domain."""
    d = surface.simplices.shape[1]
    if d == 1 or not len(surface.simplices):
        return 0
    if d == 2:
        ends = np.flatnonzero(np.bincount(surface.simplices.reshape(-1)) % 2)[:, None]
    else:
        edges, _, count = edges_of(surface.simplices)
        ends = edges[count % 2 == 1]
    place = surface.points[ends]
    on_plane = ((place == bounds[:, 0]) | (place == bounds[:, 1])).all(axis=1).any(axis=1)
    return int(np.count_nonzero(~on_plane))
