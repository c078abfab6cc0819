"""Files of points: VTK's XML files and tables of text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from vtkmodules.vtkCommonCore import (
    vtkAbstractArray,
    vtkLogger,
    vtkOutputWindow,
    vtkStringOutputWindow,
)
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkTable
from vtkmodules.vtkIOInfovis import vtkDelimitedTextReader
from vtkmodules.vtkIOXML import (
    vtkXMLImageDataReader,
    vtkXMLMultiBlockDataReader,
    vtkXMLPolyDataReader,
    vtkXMLRectilinearGridReader,
    vtkXMLStructuredGridReader,
    vtkXMLUnstructuredGridReader,
)

from ..errors import ParameterError
from ..output_types import POINT_EXTENSIONS, TABLE_EXTENSION
from .coordinates import xyz_of
from .files import write_dataset
from .vtk_compat import vtk_to_numpy

_READERS = {
    ".vtp": vtkXMLPolyDataReader,
    ".vtu": vtkXMLUnstructuredGridReader,
    ".vti": vtkXMLImageDataReader,
    ".vts": vtkXMLStructuredGridReader,
    ".vtr": vtkXMLRectilinearGridReader,
    ".vtm": vtkXMLMultiBlockDataReader,
    TABLE_EXTENSION: vtkDelimitedTextReader,
}


def read_points(path: Path) -> vtkDataObject:
    """Read a data set with points, or a table, by the extension of its file.

    Raises
    ------
    ParameterError
        If the file cannot be read.
    """
    if path.suffix not in POINT_EXTENSIONS:
        raise ParameterError(
            f'"{path.name}" has the unknown extension "{path.suffix}"; expected one of '
            f"{', '.join(POINT_EXTENSIONS)}."
        )
    if not path.is_file():
        raise ParameterError(f"{path} does not exist; check the path.")
    reader = _READERS[path.suffix]()
    reader.SetFileName(str(path))
    if path.suffix == TABLE_EXTENSION:
        reader.SetHaveHeaders(True)
        reader.SetDetectNumericColumns(True)
    with _heard() as window:
        reader.Update()
    data = reader.GetOutputDataObject(0)
    if "ERR" in window.GetOutput() or data is None:
        kind = "a table of text" if path.suffix == TABLE_EXTENSION else "an XML file of VTK"
        reason = _reason(window.GetOutput())
        raise ParameterError(f"{path} cannot be read as {kind}{reason}: write it again.")
    return data


def write_points(data: vtkDataObject, path: Path) -> None:
    """Write a data set with points, or a table, to a file of its own extension or to a table.

    Raises
    ------
    ParameterError
        If the file cannot be written.
    """
    if path.suffix != TABLE_EXTENSION:
        write_dataset(data, path)
        return
    columns = _columns(data)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    except OSError as error:
        raise ParameterError(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def _heard() -> Iterator[vtkStringOutputWindow]:
    """Collect what VTK says; its readers speak through parsers that cannot be observed."""
    before, window = vtkOutputWindow.GetInstance(), vtkStringOutputWindow()
    level = vtkLogger.GetCurrentVerbosityCutoff()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield window
    finally:
        vtkLogger.SetStderrVerbosity(level)
        vtkOutputWindow.SetInstance(before)


def _reason(said: str) -> str:
    """Return the first thing VTK said, without the places in its code."""
    lines = [line.strip() for line in said.splitlines() if "): " in line]
    return f" ({lines[0].partition('): ')[2].rstrip('.')})" if lines else ""


def _columns(data: vtkDataObject) -> dict[str, list[str]]:
    """Return the columns of a table of points and point data, as ParaView names them."""
    columns: dict[str, list[str]] = {}
    if isinstance(data, vtkTable):
        attributes = data.GetRowData()
    else:
        attributes = data.GetPointData()
        for i, part in enumerate(xyz_of(data).T):
            columns[f"Points:{i}"] = _texts(part)
    for i in range(attributes.GetNumberOfArrays()):
        array = attributes.GetAbstractArray(i)
        columns |= _columns_of(array)
    return columns


def _columns_of(array: vtkAbstractArray) -> dict[str, list[str]]:
    name, n = array.GetName(), array.GetNumberOfComponents()
    if not array.IsNumeric():
        return {name: [array.GetValue(i) for i in range(array.GetNumberOfValues())]}
    values = vtk_to_numpy(array).reshape(-1, n)
    names = [name] if n == 1 else [f"{name}:{i}" for i in range(n)]
    return {own: _texts(part) for own, part in zip(names, values.T, strict=True)}


def _texts(values: np.ndarray) -> list[str]:
    """Return numbers as the shortest text that gives them back."""
    return values.astype(str).tolist()
