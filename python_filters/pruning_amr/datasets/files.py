"""Writing data sets to files ParaView reads.

Hyper tree grids are written in version 1 of the format: ParaView 5.11 corrupts version 2 when it
writes several arrays, and garbles vectors when it reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

from vtkmodules.vtkCommonCore import vtkCommand
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkPolyData
from vtkmodules.vtkIOGeometry import vtkSTLWriter
from vtkmodules.vtkIOPLY import vtkPLYWriter
from vtkmodules.vtkIOXML import (
    vtkXMLHyperTreeGridWriter,
    vtkXMLImageDataWriter,
    vtkXMLMultiBlockDataWriter,
    vtkXMLPolyDataWriter,
    vtkXMLRectilinearGridWriter,
    vtkXMLStructuredGridWriter,
    vtkXMLUniformGridAMRWriter,
    vtkXMLUnstructuredGridWriter,
)

from ..errors import ParameterError

_WRITERS = {
    "vtkHyperTreeGrid": vtkXMLHyperTreeGridWriter,
    "vtkOverlappingAMR": vtkXMLUniformGridAMRWriter,
    "vtkUnstructuredGrid": vtkXMLUnstructuredGridWriter,
    "vtkImageData": vtkXMLImageDataWriter,
    "vtkPolyData": vtkXMLPolyDataWriter,
    "vtkStructuredGrid": vtkXMLStructuredGridWriter,
    "vtkRectilinearGrid": vtkXMLRectilinearGridWriter,
    "vtkMultiBlockDataSet": vtkXMLMultiBlockDataWriter,
}

_SURFACE_WRITERS = {".ply": vtkPLYWriter, ".stl": vtkSTLWriter}


def write_dataset(data: vtkDataObject, path: Path) -> None:
    """Write a data set to a VTK XML file.

    Raises
    ------
    ParameterError
        If the file cannot be written.
    """
    if not path.parent.is_dir():
        raise ParameterError(f"the folder {path.parent} does not exist; create it first.")
    writer = _WRITERS[data.GetClassName()]()
    messages: list[str] = []
    writer.AddObserver(vtkCommand.ErrorEvent, _collector(messages))
    writer.SetInputDataObject(data)
    writer.SetFileName(str(path))
    writer.SetDataModeToBinary()
    if isinstance(writer, vtkXMLHyperTreeGridWriter):
        # Version 2 is the default.
        writer.SetDataSetMajorVersion(1)
    written = writer.Write()
    if messages or not written or not path.is_file():
        reason = messages[0].strip().splitlines()[-1] if messages else "the writer failed"
        raise ParameterError(f"{path} cannot be written: {reason}.")


def write_surface(data: vtkPolyData, path: Path) -> None:
    """Write triangles: as a VTK XML file, or by the extension as .ply (with normals) or .stl.

    Raises
    ------
    ParameterError
        If the file cannot be written, or the format takes no lines or points.
    """
    if path.suffix not in _SURFACE_WRITERS:
        write_dataset(data, path)
        return
    if data.GetNumberOfCells() != data.GetNumberOfPolys():
        raise ParameterError(
            f"{path.name} can only hold triangles, but the contour of this field is lines or "
            "points; write a .vtp file."
        )
    writer = _SURFACE_WRITERS[path.suffix]()
    writer.SetInputData(data)
    writer.SetFileName(str(path))
    writer.SetFileTypeToBinary()
    if not writer.Write() or not path.is_file():
        raise ParameterError(f"{path} cannot be written: the writer failed.")


def write_time_series(steps: Iterable[tuple[float, vtkDataObject]], path: Path) -> list[Path]:
    """Write one file per time step, and an index that ParaView opens as a time series.

    Parameters
    ----------
    steps : iterable of (float, vtkDataObject)
        Times and data sets; each is written before the next is asked for.
    path : Path
        ``scan.vtu`` makes ``scan_0000.vtu`` and so on, and the index ``scan.pvd``. The index of an
        overlapping AMR is ``scan.vthb.series``: through the other one ParaView reads only the
        coarsest level.

    Returns
    -------
    list of Path
        The index, then the files.

    Raises
    ------
    ParameterError
        If a file cannot be written.
    """
    times, files = [], []
    for number, (time, data) in enumerate(steps):
        files.append(path.with_name(f"{path.stem}_{number:04d}{path.suffix}"))
        write_dataset(data, files[-1])
        times.append(float(time))
    names = [file.name for file in files]
    if path.suffix == ".vthb":
        index, text = path.with_name(path.name + ".series"), _series(times, names)
    else:
        index, text = path.with_suffix(".pvd"), _collection(times, names)
    try:
        index.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ParameterError(f"{index} cannot be written: {error.strerror}.") from error
    return [index, *files]


def _collection(times: list[float], names: list[str]) -> str:
    """Return a ParaView data file (.pvd)."""
    lines = [
        f'    <DataSet timestep="{time!r}" file={quoteattr(name)}/>'
        for time, name in zip(times, names, strict=True)
    ]
    body = "\n".join(["  <Collection>", *lines, "  </Collection>"])
    return f'<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n{body}\n</VTKFile>\n'


def _series(times: list[float], names: list[str]) -> str:
    """Return a file series (.series)."""
    entries = [{"name": n, "time": t} for t, n in zip(times, names, strict=True)]
    return json.dumps({"file-series-version": "1.0", "files": entries}, indent=1) + "\n"


def _collector(messages: list[str]):
    def collect(_object, _event, text: str = "") -> None:
        messages.append(text)

    collect.CallDataType = "string0"
    return collect
