"""Writing data sets to files ParaView reads.

ParaView 5.11 cannot read back its own XML files in appended mode, and corrupts hyper tree
grids with several arrays in it: everything is written in binary mode.
"""

from __future__ import annotations

from pathlib import Path

from vtkmodules.vtkCommonCore import vtkCommand
from vtkmodules.vtkCommonDataModel import vtkDataObject
from vtkmodules.vtkIOXML import (
    vtkXMLHyperTreeGridWriter,
    vtkXMLImageDataWriter,
    vtkXMLUniformGridAMRWriter,
    vtkXMLUnstructuredGridWriter,
)

from ..errors import ParameterError

_WRITERS = {
    "vtkHyperTreeGrid": vtkXMLHyperTreeGridWriter,
    "vtkOverlappingAMR": vtkXMLUniformGridAMRWriter,
    "vtkUnstructuredGrid": vtkXMLUnstructuredGridWriter,
    "vtkImageData": vtkXMLImageDataWriter,
}


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
        # Version 2 of the format garbles arrays of vectors in VTK 9.2.
        writer.SetDataSetMajorVersion(1)
    written = writer.Write()
    if messages or not written or not path.is_file():
        reason = messages[0].strip().splitlines()[-1] if messages else "the writer failed"
        raise ParameterError(f"{path} cannot be written: {reason}.")


def _collector(messages: list[str]):
    def collect(_object, _event, text: str = "") -> None:
        messages.append(text)

    collect.CallDataType = "string0"
    return collect
