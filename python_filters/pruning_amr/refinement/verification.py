"""The error of a mesh at fresh points: no estimate made while refining is trusted in the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..cells import Stream
from ..inr import INR
from ..mesh import History, Mesh, SpaceTimeTree, Tree, refined_when_balanced
from .cell_errors import CellErrors
from .error_sums import HUGE, NO_NUMBER, ErrorSums
from .parameters import RefinementParameters
from .reconstruction import AnyTree

_ROUND, _MOST_POINTS = 4096, 65_536
"""Points of a round of verifying a root mean square, and of all rounds."""

_LARGE, _CELLS_PER_POINT = 100_000, 16
"""Cells from which on more points cost less than the cells that doubt costs; and of how many cells
there may be a point then."""

SURE = 0.03
"""Relative standard error of a mean square at which verification ends, by default."""

SURE_OVER_TIME = 0.02
"""The same for one mesh of all times: few points see what passes by, and errors scatter more than
they tell. More of them take a small part of a search."""

_ROUGHLY, _STANDARD_ERRORS = 0.06, 3.0
"""It also ends at this one, where so many of them are between the mean square and that allowed: the
mesh is searched again anyway."""

_MORE = 1.1
"""Points of the next round over those that seem to be missing."""

_UNUSUAL = 1.5
"""A point that makes up more of a mean square than this many times the standard error at which
verification ends tells of its cell, not of others."""

_MAX_POINTS = 400_000
"""Points in the domain for a maximum, which need more to be found."""

_SUSPECT = 16
"""Points, for a maximum, in a cell with a neighbour finer by two levels or more: what passes
through the neighbour may pass through the cell unseen."""

_BY_SHARE, _BY_SUSPICION = 0.65, 0.2
"""Parts of the points of a root mean square that go where the error is expected, and where it is
suspected; the others are spread by volume."""


_TOGETHER = 1 << 16
"""Points that the network is asked for at a time, unless one part has more."""

Groups = Sequence[tuple[np.ndarray, int]]
"""Which of the cells, and how many points in each of them."""

Measure = Callable[[Groups], list[ErrorSums]]
"""Groups of cells -> the errors of each group."""

Numbers = Callable[[np.ndarray], np.ndarray]
"""Which of the cells -> the numbers of their points (`Corners.points`)."""

Learn = Callable[[np.ndarray, np.ndarray, np.ndarray, ErrorSums], None]
"""Which of the cells, a point in each, (n, 1, n_axes), the field there, and the errors found: a
cell with several points is there several times."""


@dataclass(frozen=True)
class Verified:
    """What fresh points told of a mesh.

    Attributes
    ----------
    square : float
        Mean squared error; infinite if the field or its reconstruction is no number somewhere.
    scatter : float
        Relative standard error of `square`.
    largest : float
        Where it is asked for.
    usual : float
        `square` without the points that each make up much of it: where a few points are all that
        is known of an error, it is not known how much of it there is elsewhere.
    usual_scatter : float
        Relative standard error of `usual`.
    """

    square: float
    scatter: float
    largest: float
    usual: float
    usual_scatter: float

    def error(self, norm: str) -> float:
        """Return the error in a norm."""
        if not math.isfinite(self.square) or self.largest >= NO_NUMBER:
            return math.inf
        return self.largest if norm == "max" else math.sqrt(self.square)


@dataclass(frozen=True)
class Expected:
    """What a search knows of the cells of a mesh that it has found.

    Attributes
    ----------
    shares : numpy.ndarray, shape (n_leaves,), optional
        What each is expected to contribute to the mean squared error.
    least : int
        Points at least, for a root mean square.
    seen, fresh, largest : numpy.ndarray, shape (n_leaves,), optional
        For a maximum: points of each cell that the search has seen, fresh ones to see at least,
        and the largest error it knows.
    """

    shares: np.ndarray | None = None
    least: int = 0
    seen: np.ndarray | None = None
    fresh: np.ndarray | None = None
    largest: np.ndarray | None = None


NOTHING = Expected()


class Verification:
    """Measures meshes at points no one has seen, other ones with every call.

    A root mean square needs as many points as its confidence needs, spread over the cells in turn
    (stratified); a maximum needs some in every cell, and more in those that may have it.

    Parameters
    ----------
    inr : INR
    time : float
    parameters : RefinementParameters
    errors : CellErrors
    stream : int, optional
        Of the first points.
    sure : float, optional
        Relative standard error of a mean square at which verification ends: the mesh is as much
        better than asked, so that fewer points cost cells.
    """

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        errors: CellErrors,
        stream: int = Stream.VERIFICATION,
        sure: float = SURE,
    ) -> None:
        self._inr, self._time, self._parameters, self.errors = inr, time, parameters, errors
        self._stream, self._sure = int(stream), sure

    def __call__(
        self,
        tree: AnyTree,
        leaves: np.ndarray,
        expected: Expected = NOTHING,
        learn: Learn | None = None,
        numbers: Numbers | None = None,
    ) -> Verified:
        """Measure a mesh at fresh points.

        Parameters
        ----------
        tree : Tree or SpaceTimeTree
        leaves : numpy.ndarray
            Its cells.
        expected : Expected, optional
            What is known of the cells.
        learn : callable, optional
            Given which of the leaves have points, and what was found there.
        numbers : callable, optional
            What numbers the points of leaves have, if that is known.
        """
        measure = self._measure(tree, leaves, learn, numbers)
        suspects = _beside_finer(tree)[leaves]
        counting = self.errors.counting(tree, leaves)
        volume = np.where(counting, tree.volume_share(leaves), 0.0)
        if self._parameters.error_norm == "max":
            return self._everywhere(measure, volume, suspects, expected)
        shares = None if expected.shares is None else np.where(counting, expected.shares, 0.0)
        density = _density(volume, shares, suspects)
        found, sizes, count = [], [], max(_ROUND, expected.least)
        sure = self._sure * min(math.sqrt(_LARGE / len(leaves)), 1.0)
        most = max(_MOST_POINTS, len(leaves) // _CELLS_PER_POINT)
        while True:
            found.append(self._round(measure, volume, density, count))
            sizes.append(count)
            # Rounds count by their points.
            parts = [part * (n / sum(sizes)) for part, n in zip(found, sizes, strict=True)]
            parts = np.concatenate(parts)
            square, scatter = _mean_and_scatter(parts)
            usual = _mean_and_scatter(parts[parts <= _UNUSUAL * sure * square])
            n = sum(sizes)
            enough = scatter <= sure or n >= most or self._surely_missed(square, scatter)
            if enough or self._missed_by_rare_points(square, usual[1], sure):
                return Verified(square, scatter, math.nan, *usual)
            # As many more as that scatter takes; it may be underrated, as long as points are few.
            count = int(min(max(_MORE * n * ((scatter / sure) ** 2 - 1.0), _ROUND // 4), n))

    def _surely_missed(self, square: float, scatter: float) -> bool:
        """Tell whether a mesh misses the tolerance, whatever more points would tell."""
        surely = square * (1.0 - _STANDARD_ERRORS * scatter) > self._parameters.tolerance**2
        return surely and scatter <= _ROUGHLY

    def _missed_by_rare_points(self, square: float, usual_scatter: float, sure: float) -> bool:
        """Tell whether only points that each make up much of a mean square keep it in doubt.

        Where it misses the tolerance, refining their cells tells more than points elsewhere.
        """
        return usual_scatter <= sure and square > self._parameters.tolerance**2

    def _round(
        self, measure: Measure, volume: np.ndarray, density: np.ndarray, count: int
    ) -> np.ndarray:
        """Sample about `count` points; return what each adds to the mean square."""
        wanted = density * count
        # Of cells that are to get less than a point some do, in turn: none is left out for long.
        start = np.random.default_rng([self._parameters.seed, self._stream]).random()
        ends = np.floor(np.cumsum(np.minimum(wanted, 1.0)) + start)
        chosen = np.flatnonzero(np.diff(ends, prepend=math.floor(start)) >= 1.0)
        wanted = wanted[chosen]
        # A power of four: few distinct numbers, each one call.
        number = 4 ** np.round(np.log2(np.maximum(wanted, 1.0)) / 2.0).astype(np.int64)
        weight = volume[chosen] / np.minimum(wanted, 1.0)
        groups = [(np.flatnonzero(number == n), int(n)) for n in np.unique(number)]
        measured = measure([(chosen[here], n) for here, n in groups])
        self._stream += 1
        return np.concatenate(
            [
                np.repeat(sums.square / n * weight[here] / n, n)
                for (here, n), sums in zip(groups, measured, strict=True)
            ]
        )

    def _everywhere(
        self, measure: Measure, volume: np.ndarray, suspects: np.ndarray, expected: Expected
    ) -> Verified:
        """Measure cells by volume, and more where in doubt; not again what was seen."""
        counting = volume > 0.0
        largest = 0.0
        if expected.seen is None:
            wanted = np.maximum(volume * _MAX_POINTS, np.where(suspects, _SUSPECT, 2))
        else:
            wanted = np.maximum(volume * _MAX_POINTS, np.where(suspects, _SUSPECT, 0))
            wanted = np.maximum(wanted - expected.seen, expected.fresh)
            largest = float(expected.largest[counting].max(initial=0.0))
        # A power of two: few distinct numbers, each one call.
        number = 2 ** np.ceil(np.log2(np.maximum(wanted, 1.0))).astype(np.int64)
        number[~counting | (wanted < 0.5)] = 0
        square = 0.0
        groups = [(np.flatnonzero(number == n), int(n)) for n in np.unique(number[number > 0])]
        for (here, _), measured in zip(groups, measure(groups), strict=True):
            finite = np.isfinite(measured.square).all()
            square += float((measured.mean_square * volume[here]).sum()) if finite else math.inf
            largest = max(largest, float(measured.largest.max()))
        self._stream += 1
        return Verified(square, 0.0, min(largest, HUGE), square, 0.0)

    def error_of(self, tree: AnyTree) -> float:
        """Return the error of a mesh in the norm asked for, relative."""
        leaves = np.flatnonzero(tree.first_child < 0)
        return self(tree, leaves, Expected(least=_MOST_POINTS // 4)).error(
            self._parameters.error_norm
        )

    def at(self, tree: AnyTree, points: np.ndarray) -> ErrorSums:
        """Return the errors of a mesh at points, (n, n_axes), each by itself."""
        nodes, errors = tree.locate(points), self.errors
        points = points.astype(np.float32).astype(np.float64)
        exact = errors.values(tree, nodes, points[:, None])
        if errors.of_own_points:
            unit = (points - tree.lower_corner(nodes)) / tree.node_size(nodes)
            unit = np.clip(unit, 0.0, 1.0)[:, None]
            return errors.sums(errors.nodes.points(tree, nodes), unit, exact)
        mesh = Mesh(self._inr, self._time, self._parameters, tree, History(np.empty(0)))
        found = mesh.reconstruct(points, self._parameters.reconstruction)
        return ErrorSums.of(errors.error(found[:, None], exact))

    def _measure(
        self,
        tree: AnyTree,
        leaves: np.ndarray,
        learn: Learn | None,
        numbers: Numbers | None,
    ) -> Measure:
        """Return what measures some of the leaves at a number of points in each."""
        errors, mesh = self.errors, None
        if not errors.of_own_points:
            mesh = Mesh(self._inr, self._time, self._parameters, tree, History(np.empty(0)))

        def error(cells: np.ndarray, points: np.ndarray, exact: np.ndarray) -> np.ndarray:
            nodes = leaves[cells]
            if mesh is not None:
                at_points = mesh.reconstruct(points[:, 0], self._parameters.reconstruction)
                return errors.error(at_points[:, None], exact)
            corner, size = tree.lower_corner(nodes)[:, None], tree.node_size(nodes)[:, None]
            unit = np.clip((points - corner) / size, 0.0, 1.0)
            known = errors.nodes.points(tree, nodes) if numbers is None else numbers(cells)
            return errors.error(errors.nodes.at(known, unit), exact)

        def measure(groups: Groups) -> list[ErrorSums]:
            sums = [ErrorSums.zeros(len(which)) for which, _ in groups]
            for together in self._together(groups):
                # Points of all groups in one array: a small mesh is a matter of calls.
                cells, points = self._places(tree, leaves, groups, together)
                exact = errors.values(tree, leaves[cells], points)
                found = error(cells, points, exact)
                if learn is not None:
                    learn(cells, points, exact, ErrorSums.of(found))
                start = 0
                for group, part in together:
                    n = groups[group][1]
                    end = start + n * len(part)
                    sums[group].add(part, ErrorSums.of(found[start:end].reshape(len(part), n, -1)))
                    start = end
            return sums

        return measure

    def _together(self, groups: Groups) -> Iterator[list[tuple[int, np.ndarray]]]:
        """Yield parts of groups, by group and places in it, that are evaluated together.

        Few points take as long as many: a round of a small mesh is one call of the network.
        """
        together, n_points = [], 0
        for group, (which, n) in enumerate(groups):
            # Half as many as a search samples: corners are looked up for every point.
            for part in self.errors.batches(len(which), 2 * n):
                if n_points + len(part) * n > _TOGETHER and together:
                    yield together
                    together, n_points = [], 0
                together.append((group, part))
                n_points += len(part) * n
        if together:
            yield together

    def _places(
        self,
        tree: AnyTree,
        leaves: np.ndarray,
        groups: Groups,
        together: list[tuple[int, np.ndarray]],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return fresh points in parts of groups, (n, 1, n_axes), and which cell each is in."""
        places, cells = [], []
        for group, part in together:
            which, n = groups[group]
            points = self.errors.places(tree, leaves[which[part]], n, self._stream)
            places.append(points.reshape(-1, 1, points.shape[2]))
            cells.append(np.repeat(which[part], n))
        return np.concatenate(cells), np.concatenate(places)


def _density(volume: np.ndarray, shares: np.ndarray | None, suspects: np.ndarray) -> np.ndarray:
    """Return which part of the points each cell gets."""
    density = volume / volume.sum()
    doubtful = np.where(suspects, volume, 0.0)
    for part, more in ((_BY_SHARE, shares), (_BY_SUSPICION, doubtful)):
        total = 0.0 if more is None else float(more.sum())
        if 0.0 < total < math.inf:
            # In place: of millions of cells each array counts.
            density *= 1.0 - part
            density += part * more / total
    return density


def _mean_and_scatter(found: np.ndarray) -> tuple[float, float]:
    """Return the sum of what points add to a mean square, and its relative standard error."""
    if not np.isfinite(found).all():
        return math.inf, 0.0
    total = float(found.sum())
    if total == 0.0:
        return 0.0, 0.0
    variance = float((found**2).sum()) - total**2 / len(found)
    return total, math.sqrt(max(variance, 0.0)) / total


def _beside_finer(tree: AnyTree) -> np.ndarray:
    """Return which nodes are beside much finer ones, (n_nodes,), bool."""
    if isinstance(tree, SpaceTimeTree):
        return _sibling_finer(tree)
    return refined_when_balanced(tree, "faces")


def _sibling_finer(tree: SpaceTimeTree) -> np.ndarray:
    """Return which nodes have a sibling finer by two splits or more, (n_nodes,), bool."""
    families = [
        (nodes, tree.first_child[nodes, None] + np.arange(k)) for nodes, k in tree.families()
    ]
    has_grandchildren = np.zeros(tree.n_nodes, bool)
    found = np.zeros(tree.n_nodes, bool)
    for nodes, children in families:
        has_grandchildren[nodes] = (tree.first_child[children] >= 0).any(axis=1)
    for _, children in families:
        found[children] = has_grandchildren[children].any(axis=1)[:, None]
    return found


def mesh_error_of(
    inr: INR, time: float | None, parameters: RefinementParameters
) -> Callable[[Tree], float]:
    """Return the function tree -> error of its mesh in the norm asked for, relative."""
    prepared: list[Verification] = []

    def measure(tree: Tree) -> float:
        if not prepared:
            errors = CellErrors(inr, time, parameters, tree)
            prepared.append(Verification(inr, time, parameters, errors))
        return prepared[0].error_of(tree)

    return measure
