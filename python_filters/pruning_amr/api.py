"""The package's front door: load, refine, prune, accuracy; views have theirs, `api_views`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import pruning, refinement
from .environment import require_vtk
from .errors import PruningAMRWarning, ToleranceWarning, issue
from .inr import INR, load, save_inr, say_slow_products
from .mesh import (
    Accuracy,
    History,
    Mesh,
    SpaceTimeMesh,
    Tree,
    measure_accuracy,
)
from .output_types import output_type_of
from .pruning import PruneReport
from .refinement import Progress, RefinementParameters
from .refinement.presets import make_mesh_parameters

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkImageData

    from .datasets.accuracy import DatasetAccuracy
    from .pruning import LocalValues
    from .refinement import KnownField

_KEPT_TIMES = 4


class AdaptiveMesh:
    """The adaptive mesh of a field; for a field with time, at any time.

    With ``time_mode`` "space_time" one mesh over space and time is refined, when first asked for.
    With "per_time_step" meshes of other times are refined when they are first asked for, with
    the same parameters; the last few are kept. If the time step before is one of them, the search
    starts from its tree: a mesh with the same error, but not cell for cell the same. Criterion
    isosurface starts from its samples of the whole domain.

    What searches have asked the network for is kept, and goes to the mesh with other parameters
    (`with_parameters`, `refine_further`), which asks for the rest only. Its cells are those that
    a mesh refined with these parameters from the beginning has: a state file that is opened again
    shows the same picture.

    Parameters
    ----------
    inr : INR
    parameters : RefinementParameters
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the refinement.
    warn : callable, optional
        Called with a `PruningAMRWarning`: a tolerance that is missed (once), slow products of
        matrices; by default it is issued as a warning.
    """

    def __init__(
        self,
        inr: INR,
        parameters: RefinementParameters,
        progress: Progress | None = None,
        warn: Callable[[PruningAMRWarning], None] | None = None,
    ) -> None:
        self.inr = inr
        self._warn = warn or issue
        self.parameters = parameters
        self._progress = progress
        self._meshes: OrderedDict[float, Mesh] = OrderedDict()
        # By time; None over space and time.
        self._known: OrderedDict[float | None, KnownField] = OrderedDict()
        self._fell_short = self._nowhere = False
        self._last: Mesh | None = None

    def __repr__(self) -> str:
        """Return what it is of and for, and the mesh last asked for, not its arrays."""
        p, shown = self.parameters, self._last
        lines = [f"<mesh of {self.inr.name} by criterion {p.criterion}, tolerance {p.tolerance:g}"]
        if shown is None:
            lines.append("not refined yet")
        else:
            at_time = "" if self.inr.time_axis is None else f" at t = {shown.time:g}"
            lines.append(f"{shown.n_cells:,} cells{at_time}, depth {shown.tree.depth}")
            found = shown.history.achieved_error
            if found is not None:
                lines.append(f"error {found:.3g}, ended by {shown.history.stopped_by}")
        return "\n".join(lines) + ">"

    def with_parameters(self, parameters: RefinementParameters) -> AdaptiveMesh:
        """Return the mesh of the same field with other parameters.

        Cells are kept if the parameters that differ have nothing to do with them, and otherwise
        what the network has been asked for at the times last refined.
        """
        other = AdaptiveMesh(self.inr, parameters, self._progress, self._warn)
        other._known.update(self._known)
        if parameters.same_cells(self.parameters):
            for time, mesh in self._meshes.items():
                other._meshes[time] = replace(mesh, parameters=parameters)
            whole = self.__dict__.get("space_time")
            if whole is not None:
                other.__dict__["space_time"] = whole.with_parameters(parameters)
        return other

    def refine_further(
        self,
        *,
        time: float | None = None,
        progress: Progress | None = None,
        **parameters: Any,
    ) -> AdaptiveMesh:
        """Return the mesh with some parameters changed, going on from what has been explored.

        A smaller ``tolerance``, more ``max_cells`` or another ``time_limit`` asks the network for
        what is new only, and so does a larger tolerance, for next to nothing. Where a limit or
        the user stopped the refinement, it goes on, also if no parameter is changed. The mesh is
        cell for cell the one that `refine` finds with the same parameters. That holds for criterion
        target_error with the same root grid, ``max_depth``, ``seed`` and ``device``; with others,
        nothing that is known is of use, and everything is asked for anew. Nor is what networks
        pruned in cells gave, in searches for millions of cells: which there are follows from the
        tolerance.

        Parameters
        ----------
        time : float, optional
            Time to refine at first; by default the one last asked for.
        progress : callable, optional
            By default that of this mesh.
        **parameters
            Fields of `pruning_amr.refinement.RefinementParameters` to change.

        Raises
        ------
        ParameterError
            If a parameter is unknown or out of range.

        Examples
        --------
        >>> mesh = refine(load("scan.pt"), tolerance=0.02)
        >>> finer = mesh.refine_further(tolerance=0.01)
        """
        now = {f.name: getattr(self.parameters, f.name) for f in fields(self.parameters)}
        other = self.with_parameters(refinement.make_parameters(**{**now, **parameters}))
        other._progress = progress or self._progress
        other._forget_interrupted()
        if time is None and self._last is not None:
            time = self._last.time
        other.at(time)
        return other

    def _forget_interrupted(self) -> None:
        """Forget meshes whose refinement did not come to its end."""
        for time, mesh in list(self._meshes.items()):
            if mesh.history.interrupted:
                del self._meshes[time]
        whole = self.__dict__.get("space_time")
        if whole is not None and whole.history.interrupted:
            del self.__dict__["space_time"]

    def _known_at(self, time: float | None) -> KnownField:
        """Return what is known at a time; the last few are kept, as meshes are."""
        known = self._known.setdefault(time, refinement.KnownField())
        self._known.move_to_end(time)
        while len(self._known) > _KEPT_TIMES:
            self._known.popitem(last=False)
        return known

    @cached_property
    def space_time(self) -> SpaceTimeMesh | None:
        """The mesh for all times; None for a static field and with a mesh for each time step."""
        if self.inr.time_axis is None or self.parameters.time_mode != "space_time":
            return None
        whole = refinement.build_space_time_mesh(
            self.inr, self.parameters, self._progress, known=self._known_at(None)
        )
        self._say_shortfall(whole.history, "over space and time")
        return whole

    @property
    def unchanged_fraction(self) -> float | None:
        """Share of the cells of the mesh last asked for that were there one time step before.

        None if there is no mesh for all times.
        """
        return self._last.unchanged_fraction if self._last is not None else None

    def at(self, time: float | None = None) -> Mesh:
        """Return the mesh at a time (None: the first time step), refining it if needed.

        Raises
        ------
        ParameterError
            If the field is not known at this time.
        """
        say_slow_products(self._warn)
        self._last = self._at(self.inr.checked_time(time))
        return self._last

    def _say_shortfall(self, found: History, where: str) -> None:
        shortfall = found.shortfall
        if shortfall and not self._fell_short:
            self._warn(ToleranceWarning(f"{where}, {shortfall}" if where else shortfall))
            self._fell_short = True

    def _say_nowhere(self, found: History) -> None:
        p = self.parameters
        if found.surface_cells == 0 and found.stopped_by == "criterion" and not self._nowhere:
            channel = refinement.channel_of(self.inr, p.output, p.component)
            self._warn(refinement.nowhere(self.inr, channel, p.isovalues))
            self._nowhere = True

    def _at(self, key: float) -> Mesh:
        if self.space_time is not None:
            return self.space_time.at(key)
        if key not in self._meshes:
            self._meshes[key] = refinement.build_mesh(
                self.inr,
                self.parameters,
                key,
                self._progress,
                self._similar(key),
                known=self._known_at(key),
                before=self._known.get(self.inr.time_before(key)),
            )
            at_time = "" if self.inr.time_axis is None else f"at t = {key:g}"
            self._say_shortfall(self._meshes[key].history, at_time)
            self._say_nowhere(self._meshes[key].history)
            while len(self._meshes) > _KEPT_TIMES:
                self._meshes.popitem(last=False)
        self._meshes.move_to_end(key)
        return self._meshes[key]

    def _similar(self, time: float) -> Tree | None:
        """Return the tree of the time step before, if it is kept and met its tolerance."""
        previous = self._meshes.get(self.inr.time_before(time))
        if previous is None or previous.history.stopped_by != "criterion":
            return None
        return previous.tree

    def to_vtk(
        self,
        output_type: str | None = None,
        time: float | None = None,
        piece: int = 0,
        n_pieces: int = 1,
    ) -> vtkDataObject:
        """Return the mesh at a time as a VTK data set.

        Parameters
        ----------
        output_type : {"hyper_tree_grid", "overlapping_amr", "unstructured_grid", "image_data", \
                "poly_data"}, optional
            Image data are the field on a regular grid of ``image_resolution``; no mesh is refined
            for them. By default a hyper tree grid; of a field of one dimension, poly data: the
            curve of its values (see `pruning_amr.datasets.to_curve`), or else an unstructured
            grid or image data.
        time : float, optional
            By default the first time step.
        piece, n_pieces : int
            Which part of the root cells to convert, for parallel use; not of image data.
        """
        require_vtk()
        from .datasets import to_vtk

        checked = output_type_of(self.inr.dimension, output_type)
        if checked == "image_data":
            return self.image(time)[0]
        return to_vtk(self.at(time), checked, piece, n_pieces)

    def image(
        self,
        time: float | None = None,
        dimensions: Sequence[int] | None = None,
        extent: Sequence[int] | None = None,
    ) -> tuple[vtkImageData, LocalValues]:
        """Return the field at a time on a regular grid, and how its values were found.

        No mesh is refined. `dimensions` and `extent` are those of
        `pruning_amr.datasets.to_dense_image`.
        """
        require_vtk()
        from .datasets import to_dense_image

        say_slow_products(self._warn)
        shown, progress = self.inr.checked_time(time), self._progress
        return to_dense_image(self.inr, self.parameters, shown, dimensions, extent, progress)


@dataclass(frozen=True)
class PrunedINR(INR):
    """An INR with a pruned network, and the report of how it was pruned."""

    report: PruneReport | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, inr: INR, report: PruneReport) -> PrunedINR:
        """Return `inr` with its report attached."""
        return cls(**{f.name: getattr(inr, f.name) for f in fields(INR)}, report=report)

    def save(self, path: str | Path) -> list[Path]:
        """Save as a PyTorch ``state_dict`` with a JSON file beside it.

        This package and INR Reader load the file like any other checkpoint; see
        `pruning_amr.inr.save_inr` for its keys and for loading it into plain PyTorch.
        """
        return save_inr(self, path)


def refine(
    inr: INR,
    *,
    time: float | None = None,
    progress: Progress | None = None,
    **parameters: Any,
) -> AdaptiveMesh:
    """Refine an adaptive mesh of a field.

    Parameters
    ----------
    inr : INR
    time : float, optional
        Time to refine at first; by default the first time step.
    progress : callable, optional
        Called with the fraction done and a sentence; returning True stops the refinement.
    **parameters
        Fields of `pruning_amr.refinement.RefinementParameters`; and ``preset``, "preview",
        "balanced" or "accurate", which stands for some of them
        (`pruning_amr.refinement.presets`): what is given beside it wins.

    Returns
    -------
    AdaptiveMesh

    Raises
    ------
    ParameterError
        If a parameter is unknown or out of range.
    MetadataError
        If the bounds of the field are not known.

    Examples
    --------
    >>> mesh = refine(load("scan.pt"), tolerance=0.01, max_depth=6)
    >>> grid = mesh.to_vtk("hyper_tree_grid", time=0.5)
    """
    mesh = AdaptiveMesh(inr, make_mesh_parameters(**parameters), progress)
    mesh.at(time)
    return mesh


def prune(inr: INR, tolerance: float = 1e-3, **options: Any) -> PrunedINR:
    """Prune a whole network to a wanted error of its field.

    Parameters
    ----------
    inr : INR
    tolerance : float
        Wanted relative L2 error of the pruned network against the original.
    **options
        ``id_tolerance``, ``samples``, ``seed`` and ``device`` of `pruning_amr.pruning.prune`.

    Returns
    -------
    PrunedINR
        With attribute ``report`` and method ``save(path)``. A network without neurons to spare
        comes back unchanged, and ``report.note`` says so.

    Examples
    --------
    >>> small = prune(load("scan.pt"), tolerance=1e-3)
    >>> small.report.parameters_after, small.report.relative_l2
    >>> small.save("small.pt")
    """
    return PrunedINR.of(*pruning.prune(inr, tolerance, **options))


def accuracy(
    inr: INR,
    mesh: AdaptiveMesh,
    samples: int = 100_000,
    reconstruction: str = "multilinear",
    time: float | None = None,
    output_type: str | None = None,
) -> Accuracy | DatasetAccuracy:
    """Measure a mesh against a network at fresh random points.

    Parameters
    ----------
    inr : INR
        The network that is the truth; it may differ from the one that was meshed.
    mesh : AdaptiveMesh
    samples : int
    reconstruction : {"multilinear", "conforming", "cell_constant", "dual"}
        Of the mesh. A data set has its own; "dual" interpolates a hyper tree grid between cells.
    time : float, optional
        By default the first time step.
    output_type : {"hyper_tree_grid", "overlapping_amr", "unstructured_grid", "poly_data"}, \
            optional
        Measure the VTK data set of this type, as VTK interpolates it, instead of the mesh: with
        error by level, image similarity, and the uniform grids that compare with it.

    Returns
    -------
    Accuracy or DatasetAccuracy
        The latter if `output_type` is given.
    """
    if output_type is None:
        return measure_accuracy(mesh.at(time), samples, reconstruction, truth=inr)
    require_vtk()
    from .datasets.accuracy import measure_dataset_accuracy

    dual = reconstruction == "dual"
    return measure_dataset_accuracy(mesh.at(time), output_type, samples, dual, truth=inr)


__all__ = [
    "AdaptiveMesh",
    "PrunedINR",
    "accuracy",
    "load",
    "prune",
    "refine",
]
