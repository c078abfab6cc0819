"""The parameters of a refinement: defined once, for Python, command line and ParaView."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from ..cells import near_cubic
from ..errors import ParameterError
from ..mesh import BALANCES, MAX_KEY_LEVEL, RECONSTRUCTIONS
from ..pruning import check_id_tolerance
from .parameter_fields import MAX_SEED, ascending, check_fields, device, is_number, make, memory_mb
from .parameter_fields import parameter as _parameter
from .registry import CRITERIA, entry_of

if TYPE_CHECKING:
    import numpy as np

ERROR_NORMS = ("rms", "max")
"""How errors at points become the error of a mesh."""

ERROR_FORMULAS = ("value_range", "absolute", "published")
"""What an error is divided by: the field's range, nothing, or the published |f + 5|."""

HANGING_NODES = ("split", "constrained", "free")
"""Vertices inside a face or edge of a coarser cell: removed by splitting the coarser cell,
interpolated from it, or with values of their own."""

NETWORKS = ("auto", "local", "full")
"""Networks the search starts from: pruned in nested cells, or the whole one everywhere."""

TIME_MODES = ("per_time_step", "space_time")
"""Meshes of a field with time: one for each time step, or one over space and time."""

TIME_VALUES = ("interpolated", "exact")
"""Values of a mesh over space and time at a time: interpolated in each cell between the ends of
its interval, or of the network at that time."""

VALUES = ("exact", "local")
"""Networks that give the values of the mesh: the original one, or those pruned in cells."""

MAX_IMAGE_RESOLUTION = 4096

_LATTICE_BITS = 62

_SAMPLES_FOR_MAXIMUM = 8

_PARTS_OF_RANGE = ("target_error", "feature_map", "interpolation_error")
"""Criteria with a tolerance that is relative to the range of the field."""


@dataclass(frozen=True)
class RefinementParameters:
    """Parameters of `pruning_amr.refine`; each field's help text is its documentation."""

    criterion: str = _parameter(
        next(iter(CRITERIA)),
        "Rule that decides which cells are refined: target_error (the fewest cells that meet "
        "tolerance, checked at fresh points), isosurface (those at which the field takes "
        "isovalues, so that contours of the mesh are within tolerance), interpolation_error "
        "(multilinear interpolant of the corner values against the network), feature_map (gradient "
        "of the pruned network times cell size), paper (per-cell pruning, the published rule), "
        "uniform (all cells).",
        choices=CRITERIA,
    )
    tolerance: float = _parameter(
        2e-2,
        "Criterion target_error: error the mesh has to meet; feature_map: error at which "
        "refinement ends; interpolation_error: refine a cell if the mean error of its "
        "multilinear interpolant exceeds this. Relative, see error_formula. isosurface: distance "
        "to the true surface that 99.9 % of the contour of the mesh have to be within, relative to "
        "the diagonal of the domain.",
        positive=True,
    )
    isovalues: tuple[float, ...] = _parameter(
        (), "Criterion isosurface: the values, one or several, whose contours are to be sharp."
    )
    output: str = _parameter(
        "", "Criterion isosurface: output of the network that takes them; by default the first."
    )
    component: int = _parameter(
        0, "Criterion isosurface: component of that output, from 0.", least=0
    )
    smallest_feature: float = _parameter(
        1 / 64,
        "Criterion isosurface: a closed piece of surface at least this wide, relative to the "
        "longest edge of the domain, is found. The whole domain is sampled at this distance.",
        positive=True,
    )
    region: tuple[tuple[float, ...], ...] = _parameter(
        (),
        "Criterion target_error: a box, x0 x1 y0 y1 z0 z1, or several of them in Python, where "
        "region_tolerance has to be met; tolerance is that of the rest of the domain.",
    )
    region_tolerance: float = _parameter(
        1e-3,
        "Error the mesh has to meet in region: the root mean square over it, or its maximum there.",
        positive=True,
    )
    error_norm: str = _parameter(
        ERROR_NORMS[0],
        "Criteria target_error and feature_map: whether tolerance is the root mean square (rms) "
        "or the maximum (max) of the error.",
        choices=ERROR_NORMS,
    )
    reconstruction: str = _parameter(
        RECONSTRUCTIONS[0],
        "Criteria target_error and feature_map: the field whose error is meant. multilinear: from "
        "each cell's corners; conforming: the same with hanging vertices interpolated; "
        "cell_constant: one value per cell, as hyper tree grids are shaded; dual: linear between "
        "cell centres, on VTK's dual grid of a hyper tree grid.",
        choices=RECONSTRUCTIONS,
    )
    error_formula: str = _parameter(
        ERROR_FORMULAS[0],
        "What the error is relative to: value_range (the range of the field), absolute (nothing: "
        "units of the field), published (mean|df| * mean(1/|f + 5|), for paper and "
        "interpolation_error).",
        choices=ERROR_FORMULAS,
    )
    feature_threshold: float = _parameter(
        0.1,
        "Criterion feature_map: refine a cell if gradient times cell size exceeds this "
        "(relative, see error_formula).",
        positive=True,
    )
    pruning_tolerance: float = _parameter(
        1e-3,
        "Criterion paper: refine a cell if the mean error of its pruned network exceeds this "
        "(relative, see error_formula; T in the publication). feature_map: error the pruned "
        "network may have if id_tolerance is 0.",
        positive=True,
    )
    max_kept_fraction: float = _parameter(
        0.2,
        "Criterion paper: refine a cell if its pruned network keeps more than this fraction of "
        "the hidden neurons (P).",
        positive=True,
    )
    id_tolerance: float = _parameter(
        1e-3,
        "Criteria paper and feature_map: relative tolerance of the interpolative decomposition "
        "(epsilon); 0 takes the largest one whose measured error is within pruning_tolerance.",
    )
    id_samples: int = _parameter(
        256, "Criterion paper: random points per cell for the decomposition (n_ID).", least=1
    )
    error_samples: int = _parameter(
        0,
        "Random points per cell at which the error is measured (n_err); 0 is 128 for criterion "
        "paper, as published, 8 for feature_map, 1 for the rms of target_error, which predicts "
        "errors, 8 for its maximum, else 32.",
        least=0,
    )
    root_resolution: tuple[int, ...] | None = _parameter(
        None,
        "Cells of the root grid along each axis; by default 4 along the longest axis and nearly "
        "cubic cells.",
    )
    min_depth: int = _parameter(2, "Uniform refinements of the root grid before any test.", least=0)
    max_depth: int = _parameter(
        10, "Finest level of refinement; the root grid is level 0.", least=1
    )
    max_cells: int = _parameter(
        500_000,
        "Upper bound on the number of cells, before balance; when it binds, the cells with the "
        "largest error are refined first.",
        least=1,
    )
    balance: str = _parameter(
        BALANCES[0],
        "Refine further until the levels of cells that share a face, an edge or a corner differ "
        "by one at most.",
        choices=BALANCES,
    )
    hanging_nodes: str = _parameter(
        HANGING_NODES[0],
        "Vertices of the unstructured grid inside a face or edge of a coarser cell. split: the "
        "coarser cell is split into pyramids, tetrahedra or triangles that use them, so that "
        "contours close (first cells are refined whose corners touch much smaller ones); "
        "constrained: interpolated from the coarser cell, so that the field is continuous, but "
        "contours are torn; free: values of the network, and contours are torn.",
        choices=HANGING_NODES,
    )
    networks: str = _parameter(
        NETWORKS[0],
        "Networks the search works with. full: the whole one everywhere; local: pruned in nested "
        "cells (target_error samples them where that pays, with an error within local_share of "
        "tolerance; paper prunes in each cell what its parent kept); auto: local for "
        "target_error in space, full over space and time, and for paper, as published.",
        choices=NETWORKS,
    )
    values: str = _parameter(
        VALUES[0],
        "Values of the output. exact: of the whole network; local: of networks pruned in nested "
        "cells, faster, with a root mean square error within local_share of tolerance (values at "
        "centres in overlapping AMR, and of one mesh for all times, are exact).",
        choices=VALUES,
    )
    local_share: float = _parameter(
        0.1, "Share of tolerance that the error of local networks may take, at most 0.5."
    )
    time_mode: str = _parameter(
        TIME_MODES[0],
        "Fields with time. per_time_step: a mesh of its own for each time step; space_time: one "
        "mesh over space and time for all of them (reconstruction multilinear), whose cells are "
        "split in space or in time, whichever their error asks for; tolerance is then the error "
        "over space and time, and max_cells bounds the cells of all times together.",
        choices=TIME_MODES,
    )
    time_values: str = _parameter(
        TIME_VALUES[0],
        "time_mode space_time: values at a time. interpolated: in each cell between the ends of "
        "its interval, fast; exact: of the network at that time.",
        choices=TIME_VALUES,
    )
    time_root_resolution: int = _parameter(
        1, "time_mode space_time: intervals of the root grid along time.", least=1
    )
    max_time_depth: int = _parameter(
        10, "time_mode space_time: how often a root interval can be halved.", least=0
    )
    change: bool = _parameter(
        False,
        "Add arrays named change: the difference of each output to the previous time step, at "
        "the same place.",
    )
    indicator: bool = _parameter(
        False,
        "Add the array indicator: the error of each cell by which it was kept or refined, over the "
        "tolerance or threshold; -1 where none was estimated.",
    )
    image_resolution: int = _parameter(
        128,
        "Output type image_data: points along the longest axis; nothing is refined.",
        least=2,
        most=MAX_IMAGE_RESOLUTION,
    )
    time_limit: float = _parameter(
        0.0,
        "Stop refining after this many seconds and show the mesh reached; 0 is no limit.",
        limit=True,
    )
    seed: int = _parameter(0, "Seed of the random sample points.", least=0, most=MAX_SEED)
    device: str = device()
    memory_mb: float = memory_mb()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.criterion == "feature_map":
            check_id_tolerance(self.pruning_tolerance, "pruning_tolerance")
        if self.id_tolerance != 0:
            check_id_tolerance(self.id_tolerance, "id_tolerance", "0 for automatic, or ")
        if self.error_formula == "published" and entry_of(self.criterion).measures_mesh:
            raise ParameterError(
                f'error_formula "published" is not a norm; criterion {self.criterion} needs '
                '"value_range" or "absolute".'
            )
        if not (is_number(self.local_share) and 0 < self.local_share <= 0.5):
            raise ParameterError(
                f"local_share is {self.local_share!r}; expected a number above 0, at most 0.5."
            )
        object.__setattr__(self, "root_resolution", _root_resolution(self.root_resolution))
        object.__setattr__(self, "region", _region(self.region))
        self._check_tolerances()
        self._check_isosurface()
        if self.region and self.criterion != "target_error":
            raise ParameterError(
                f"region is given, but criterion {self.criterion} has one tolerance for all of the "
                "domain: set criterion to target_error, or leave region out."
            )

    def _check_tolerances(self) -> None:
        """Raise `ParameterError` for a tolerance that was meant in per cent."""
        distance = self.criterion == "isosurface"
        of_range = self.criterion in _PARTS_OF_RANGE and self.error_formula == "value_range"
        if not (distance or of_range):
            return
        of = "diagonal of the domain" if distance else "range of the field"
        names = ("tolerance", "region_tolerance") if self.region else ("tolerance",)
        for name in names:
            value = getattr(self, name)
            if value >= 1:
                raise ParameterError(
                    f"{name} is {value:g}, which is {100 * value:g} % of the {of}; expected less "
                    f"than 1: write {value / 100:g} for {value:g} %."
                )

    def _check_isosurface(self) -> None:
        """Raise `ParameterError` if what criterion isosurface is given does not suit it."""
        if not isinstance(self.output, str):
            raise ParameterError(f"output is {self.output!r}; expected the name of an output.")
        if not self.smallest_feature <= 1:
            raise ParameterError(
                f"smallest_feature is {self.smallest_feature:g}; expected a part of the longest "
                "edge of the domain, at most 1."
            )
        object.__setattr__(self, "isovalues", ascending("isovalues", self.isovalues))
        if self.criterion != "isosurface":
            if self.isovalues:
                raise ParameterError(
                    f"isovalues are given, but criterion {self.criterion} has no use for them: set "
                    "criterion to isosurface, or leave isovalues out."
                )
            return
        if not self.isovalues:
            raise ParameterError(
                "isovalues is empty; criterion isosurface expects one or several values at whose "
                "surfaces the mesh is to be fine."
            )
        if self.time_mode == "space_time":
            raise ParameterError(
                "criterion isosurface makes a mesh for each time step, none over space and time: "
                'set time_mode to "per_time_step".'
            )

    @property
    def n_error_samples(self) -> int:
        """``error_samples``, with 0 replaced by what suits the criterion."""
        if self.criterion == "target_error" and self.error_norm == "max":
            # A sum over cells forgives what one cell does not see; a maximum does not. Cells in
            # which these are close to the limit are sampled further.
            return self.error_samples or _SAMPLES_FOR_MAXIMUM
        return self.error_samples or entry_of(self.criterion).error_samples

    @property
    def finest_tolerance(self) -> float:
        """The smaller one of ``tolerance`` and, with a region, ``region_tolerance``."""
        return min(self.tolerance, self.region_tolerance) if self.region else self.tolerance

    def same_cells(self, other: RefinementParameters) -> bool:
        """Tell whether other parameters lead to the same cells."""
        kept = {name: getattr(other, name) for name in _OUTPUT_PARAMETERS}
        if self.criterion == "isosurface" and self.splits_leaves != other.splits_leaves:
            return False
        return replace(self, **kept) == other

    @property
    def splits_leaves(self) -> bool:
        """Whether leaves are split where vertices hang on them.

        To criterion isosurface this matters: else cells at the surface are of one level.
        """
        return self.hanging_nodes == "split"

    def region_boxes(self, bounds: np.ndarray) -> np.ndarray:
        """Return the boxes of the region, checked against a domain, (n_boxes, dimension, 2).

        Parameters
        ----------
        bounds : numpy.ndarray, shape (dimension, 2)
            Of space.
        """
        import numpy as np

        n = 2 * len(bounds)
        boxes = []
        for box in self.region:
            # ParaView asks for three axes of a field of any dimension.
            flat = all(a == b for a, b in zip(box[n::2], box[n + 1 :: 2], strict=True))
            if len(box) < n or not flat:
                raise ParameterError(
                    f"region has a box of {len(box)} numbers; expected {n}, a lower and an upper "
                    f"bound for each of the {len(bounds)} spatial axes."
                )
            low, high = np.array(box[:n]).reshape(-1, 2).T
            for axis in np.flatnonzero(low >= high)[:1]:
                raise ParameterError(
                    f"region goes from {low[axis]:g} to {high[axis]:g} along axis {axis}; expected "
                    "a lower bound below the upper one."
                )
            for axis in np.flatnonzero((high <= bounds[:, 0]) | (low >= bounds[:, 1]))[:1]:
                raise ParameterError(
                    f"region lies outside the domain: from {low[axis]:g} to {high[axis]:g} along "
                    f"axis {axis}, where the domain goes from {bounds[axis, 0]:g} to "
                    f"{bounds[axis, 1]:g}; move the box into the domain."
                )
            boxes.append(np.stack([low, high], axis=1))
        return np.array(boxes)

    def root_grid(self, bounds: np.ndarray) -> tuple[int, ...]:
        """Return the cells of the root grid for a domain, checked against the budget.

        Parameters
        ----------
        bounds : numpy.ndarray, shape (dimension, 2)
        """
        roots = self.root_resolution or near_cubic(bounds[:, 1] - bounds[:, 0])
        if len(roots) > len(bounds) and set(roots[len(bounds) :]) <= {0, 1}:
            roots = roots[: len(bounds)]
        if len(roots) != len(bounds) or min(roots) < 1:
            raise ParameterError(
                f"root_resolution is {roots}; expected {len(bounds)} positive numbers of cells, "
                "one per spatial axis."
            )
        self._check_grid(roots, "root_resolution", {"max_depth": self.max_depth})
        return roots

    def space_time_root_grid(self, bounds: np.ndarray) -> tuple[int, ...]:
        """Return the cells of the root grid over space and time, time last.

        Parameters
        ----------
        bounds : numpy.ndarray, shape (dimension, 2)
            Of space.
        """
        roots = (*self.root_grid(bounds), self.time_root_resolution)
        levels = {"max_depth": self.max_depth, "max_time_depth": self.max_time_depth}
        self._check_grid(roots, "time_root_resolution", levels)
        for name, level in levels.items():
            # Nodes are told apart by a number for both levels.
            if level > MAX_KEY_LEVEL:
                raise ParameterError(
                    f"{name} is {level}; over space and time at most {MAX_KEY_LEVEL} levels can "
                    f"be told apart: lower {name}."
                )
        return roots

    def _check_grid(self, roots: tuple[int, ...], remedy: str, levels: dict[str, int]) -> None:
        """Raise `ParameterError` if a root grid has too many cells, or is refined too often."""
        grid = f"root grid of {' x '.join(map(str, roots))}"
        grid += " over space and time" if len(levels) > 1 else ""
        if math.prod(roots) > self.max_cells:
            raise ParameterError(
                f"max_cells is {self.max_cells}, but the {grid} already has {math.prod(roots)} "
                f"cells: raise max_cells or lower {remedy}."
            )
        # One level more than the finest cells, for their centres.
        deepest = next(d for d in range(_LATTICE_BITS, -1, -1) if lattice_fits(roots, d + 1))
        for name, level in levels.items():
            if level > deepest:
                raise ParameterError(
                    f"{name} is {level}; with a {grid} at most {deepest} can be indexed: lower "
                    f"{name}."
                )


_OUTPUT_PARAMETERS = (
    "hanging_nodes",
    "time_values",
    "change",
    "indicator",
    "image_resolution",
    "memory_mb",
)
"""Names of the parameters that do not bear on which cells there are; but see `splits_leaves`."""

PARAMETER_NAMES = tuple(f.name for f in fields(RefinementParameters))


def make_parameters(**values: Any) -> RefinementParameters:
    """Return checked parameters.

    Raises
    ------
    ParameterError
        If a name is unknown or a value is out of its range.
    """
    return make(RefinementParameters, **values)


def lattice_fits(roots: tuple[int, ...], depth: int) -> bool:
    """Tell whether the vertices of the uniform grid of `depth` can be numbered in 64 bits."""
    return math.prod((n << depth) + 1 for n in roots) < 1 << _LATTICE_BITS


def _root_resolution(value: Any) -> tuple[int, ...] | None:
    """Return whole numbers as a tuple; None and all zeros are automatic."""
    if value is None:
        return None
    # Not with the module: the command line explains itself without numpy.
    import numpy as np

    numbers_ = list(value) if isinstance(value, list | tuple | np.ndarray) else [None]
    if not numbers_ or not all(
        isinstance(n, numbers.Integral) and not isinstance(n, bool) for n in numbers_
    ):
        raise ParameterError(
            f"root_resolution is {value!r}; expected a whole number of cells for each axis."
        )
    return tuple(int(n) for n in numbers_) if any(numbers_) else None


def _region(value: Any) -> tuple[tuple[float, ...], ...]:
    """Return a box, or several, as tuples of numbers; None and all zeros are none."""
    boxes = [] if value is None else list(value) if _is_sequence(value) else [value]
    boxes = boxes if boxes and all(_is_sequence(box) for box in boxes) else [boxes] if boxes else []
    for box in boxes:
        if len(box) % 2 or len(box) == 0 or not all(is_number(x) for x in box):
            raise ParameterError(
                f"region is {value!r}; expected the bounds of a box, a lower and an upper finite "
                "number for each spatial axis, or several such boxes."
            )
    found = tuple(tuple(float(x) for x in box) for box in boxes)
    return () if len(found) == 1 and not any(found[0]) else found


def _is_sequence(value: Any) -> bool:
    # Arrays too, without numpy: the command line explains itself without it.
    return hasattr(value, "__len__") and not isinstance(value, str | bytes | Mapping)


def suited_to_output(parameters: RefinementParameters, output_type: str) -> RefinementParameters:
    """Return parameters as they suit an output type that is known before the search.

    Criterion isosurface has cells of several levels at the surface where leaves are split, as those
    of an unstructured grid are, because their contour is closed. The other data sets have whole
    leaves. Of a hyper tree grid ParaView contours the values at their centres: what that gives is
    nearer to the true surface where those around it are of one level.
    """
    suits = output_type == "unstructured_grid" or not parameters.splits_leaves
    if parameters.criterion != "isosurface" or suits:
        return parameters
    return replace(parameters, hanging_nodes="free")
