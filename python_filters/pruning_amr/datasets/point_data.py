"""A field and its gradient as arrays at the points of any data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from vtkmodules.vtkCommonCore import vtkDataArray
from vtkmodules.vtkCommonDataModel import (
    vtkDataObject,
    vtkDataObjectTree,
    vtkDataSet,
    vtkDataSetAttributes,
    vtkTable,
)

from ..errors import ParameterError, PruningAMRWarning
from ..inr import INR, Output, say_slow_products
from ..inr.array_names import ERROR_SUFFIX, GRADIENT_SUFFIX, OWN_SUFFIX, VALID_ARRAY
from ..refinement import Progress
from ..views import EvaluationParameters, PointValues, evaluate_inside
from .coordinates import coordinates_of
from .field_data import add_array, add_output, attach_errors
from .vtk_compat import vtk_to_numpy


def evaluate_on(
    data: vtkDataObject,
    inr: INR,
    parameters: EvaluationParameters,
    time: float | None = None,
    progress: Progress | None = None,
    warn: Callable[[PruningAMRWarning], None] | None = None,
) -> vtkDataObject:
    """Return a data set with a field at its points.

    Point data, or columns of a table: the outputs of the network; ``<output>_gradient``, its
    derivatives by x, y, z as VTK's gradient filter orders them; and ``vtkValidPointMask``, 1 where
    a point lies in the domain of the field. Elsewhere values are NaN. (VTK's probe filters write
    this mask, of this type, and ParaView's line charts leave out what it says.) Where there is an
    array of the name of an output already, it stays, the output is ``<output>_INR``, and
    ``<output>_error`` is the size of the difference; values are then those of the whole network.

    Parameters
    ----------
    data : vtkDataSet, vtkTable, or a composite of them
        Its own arrays are passed. For coordinates see `pruning_amr.datasets.coordinates_of`.
    inr : INR
    parameters : EvaluationParameters
    time : float, optional
        By default the first time step. Of rows of a table that have times of their own, theirs.
    progress : callable, optional
        See `pruning_amr.refinement.Progress`.
    warn : callable, optional
        Called with a warning where an array cannot be compared, or no point
        lies in the domain.

    Returns
    -------
    vtkDataObject
        Of the class of `data`. Field data: with local networks, ``asked_error`` and
        ``achieved_error``.

    Raises
    ------
    ParameterError
        If the data set has no points, or a table no coordinates, or the time is out of range.
    Stopped
        If `progress` asks for it.
    """
    output, leaves = _copied(data)
    points = [coordinates_of(leaf, inr) for leaf in leaves]
    if warn is not None:
        say_slow_products(warn)
    time = inr.checked_time(time)
    if any(_attributes(leaf).HasArray(o.name) for leaf in leaves for o in inr.outputs):
        # An error is that of the array, not of local networks.
        parameters = EvaluationParameters(**{**vars(parameters), "values": "exact"})
    # Tables with times and other data sets may stand side by side.
    for width in sorted({p.shape[1] for p in points}):
        alike = [i for i, p in enumerate(points) if p.shape[1] == width]
        joined = points[0] if len(points) == 1 else np.concatenate([points[i] for i in alike])
        found = evaluate_inside(inr, joined, parameters, time, progress)
        if warn is not None and len(found.inside) and not found.inside.any():
            warn(_nothing_inside(inr, len(found.inside)))
        if found.error is not None:
            attach_errors(output, parameters.tolerance, found.error)
        ends = np.cumsum([len(points[i]) for i in alike])
        for i, part in zip(alike, _split(found, ends[:-1]), strict=True):
            _add_all(leaves[i], inr, part, warn)
    return output


def count_outside(data: vtkDataObject) -> int:
    """Return how many points of what `evaluate_on` returned lie outside the domain."""
    if not isinstance(data, vtkDataObjectTree):
        mask = _attributes(data).GetArray(VALID_ARRAY)
        return 0 if mask is None else int((vtk_to_numpy(mask) == 0).sum())
    nodes, count = data.NewIterator(), 0
    nodes.InitTraversal()
    while not nodes.IsDoneWithTraversal():
        count += count_outside(nodes.GetCurrentDataObject())
        nodes.GoToNextItem()
    return count


def _copied(data: vtkDataObject) -> tuple[vtkDataObject, list[vtkDataSet | vtkTable]]:
    """Return a shallow copy of a data set, and those of its leaves that can have points."""
    output = data.NewInstance()
    _check_has_points(data)
    if not isinstance(data, vtkDataObjectTree):
        output.ShallowCopy(data)
        return output, [output]
    output.CopyStructure(data)
    output.GetFieldData().ShallowCopy(data.GetFieldData())
    leaves, nodes = [], data.NewIterator()
    nodes.InitTraversal()
    while not nodes.IsDoneWithTraversal():
        own, leaf = _copied(nodes.GetCurrentDataObject())
        output.SetDataSet(nodes, own)
        leaves += leaf
        nodes.GoToNextItem()
    return output, leaves


def _check_has_points(data: vtkDataObject) -> None:
    # From VTK 9.5 on an AMR is a tree of data sets, too.
    is_amr = data.IsA("vtkUniformGridAMR")
    if isinstance(data, (vtkDataSet, vtkTable, vtkDataObjectTree)) and not is_amr:
        return
    kind = data.GetClassName()
    filters = {
        "vtkHyperTreeGrid": "Hyper Tree Grid - Cell Centers",
        "vtkOverlappingAMR": "Cell Centers",
    }
    raise ParameterError(
        f"Points is a {kind}, which has values in cells and none at points; expected a data set "
        f'with points or a table: apply the filter "{filters.get(kind, "Resample To Image")}" to '
        "it first."
    )


def _nothing_inside(inr: INR, n_points: int) -> PruningAMRWarning:
    axes = zip((inr.inputs[i] for i in inr.spatial_axes), inr.spatial_bounds, strict=True)
    domain = ", ".join(f"{name} from {low:g} to {high:g}" for name, (low, high) in axes)
    return PruningAMRWarning(
        f"none of the {n_points} points lies in the domain of the field, {domain}: all of its "
        "values are NaN."
    )


def _attributes(leaf: vtkDataSet | vtkTable) -> vtkDataSetAttributes:
    return leaf.GetRowData() if isinstance(leaf, vtkTable) else leaf.GetPointData()


def _split(found: PointValues, places: Sequence[int]) -> Iterator[PointValues]:
    """Return the values of each of several data sets."""
    values, inside = np.split(found.values, places), np.split(found.inside, places)
    gradients: Sequence[np.ndarray | None] = [None] * len(values)
    if found.gradients is not None:
        gradients = np.split(found.gradients, places)
    return map(PointValues, values, gradients, inside)


def _add_all(
    leaf: vtkDataSet | vtkTable,
    inr: INR,
    found: PointValues,
    warn: Callable[[PruningAMRWarning], None] | None,
) -> None:
    attributes = _attributes(leaf)
    for output in inr.outputs:
        present, name = attributes.GetAbstractArray(output.name), output.name
        if present is not None:
            name += OWN_SUFFIX
            _add_error(attributes, output, found.values, warn)
        add_output(attributes, output, found.values, name)
        if found.gradients is not None:
            name = output.name + GRADIENT_SUFFIX
            name += OWN_SUFFIX if attributes.HasArray(name) else ""
            add_array(attributes, _rows(found.gradients, output), name)
    _add_mask(attributes, found.inside)
    if isinstance(leaf, vtkDataSet) and not attributes.GetScalars():
        first = inr.outputs[0]
        if len(first.components) == 1:
            attributes.SetActiveScalars(first.name)


def _add_error(
    attributes: vtkDataSetAttributes,
    output: Output,
    values: np.ndarray,
    warn: Callable[[PruningAMRWarning], None] | None,
) -> None:
    """Add how far an array differs from the output of its name."""
    present, n = attributes.GetAbstractArray(output.name), len(output.components)
    n_present = present.GetNumberOfComponents()
    if not isinstance(present, vtkDataArray):
        what = "text"
    elif present.GetNumberOfTuples() != len(values):
        # VTK 9.2 makes such arrays of the centers of a hyper tree grid.
        what = f"of {present.GetNumberOfTuples()} values for {len(values)} points"
    elif n_present not in {n, 3 if n == 2 else n}:
        what = f"with {n_present} components, unlike the output, which has {n}"
    else:
        what = ""
    if what:
        if warn is not None:
            text = f'the array "{output.name}" of the points is {what}: they are not compared.'
            warn(PruningAMRWarning(text))
        return
    theirs = vtk_to_numpy(present).reshape(len(values), n_present).astype(np.float64)
    ours = np.zeros_like(theirs)
    # VTK's vectors in the plane have a third component.
    ours[:, :n] = values[:, list(output.components)]
    error = np.linalg.norm(theirs - ours, axis=1)
    add_array(attributes, error.astype(np.float32), output.name + ERROR_SUFFIX)


def _rows(gradients: np.ndarray, output: Output) -> np.ndarray:
    """Return derivatives as tuples: by x, y, z of the first component, of the second, and so on."""
    part = gradients[:, list(output.components)]
    rows = np.zeros((len(part), len(output.components), 3), np.float32)
    rows[..., : part.shape[2]] = part
    rows[np.isnan(part).any(axis=2)] = np.nan
    return rows.reshape(len(part), 3 * len(output.components))


def _add_mask(attributes: vtkDataSetAttributes, inside: np.ndarray) -> None:
    """Add which points are valid; a mask that is there already holds for its arrays, too."""
    present = attributes.GetArray(VALID_ARRAY)
    if present is not None and present.GetNumberOfValues() == len(inside):
        inside = inside & (vtk_to_numpy(present) != 0)
    add_array(attributes, inside.astype(np.int8), VALID_ARRAY)
