"""Each output of the plugin but the meshes, small, by the name of the file it is saved to."""

from __future__ import annotations

from pathlib import Path

from common import SMALL, open_sample, simple, time_of

POINTS = "x,y,z\n0.1,0.2,0.3\n-0.7,0.123456789012345,0\n5,0,0\n"
"""At the last one, outside the domain, the values are NaN."""


def other_outputs(folder: Path, line: str) -> dict[str, tuple]:
    """Return (source, time) by the name of a file.

    Parameters
    ----------
    folder : Path
        Where the files that the outputs need are written.
    line : str
        A checkpoint of a field of one input.
    """
    flow = open_sample("beltrami_4d.pt")
    plane = open_sample("oscillation_2d.pt")
    time = time_of(flow, 3)
    curve = simple.PruningAMR(Input=simple.OpenDataFile(line), MaxDepth=5, Device="cpu")
    contour = simple.INRContour(Input=flow, Output="pressure", Values=[-0.5], Tolerance=0.2)
    (folder / "points.csv").write_text(POINTS)
    table = simple.CSVReader(FileName=[str(folder / "points.csv")])
    surface = simple.Sphere(Radius=0.5)
    at_rows, at_points = (
        simple.INREvaluate(INR=flow, Points=where, Gradient=1, Device="cpu")
        for where in (table, surface)
    )
    return {
        "preview.vti": (flow, time),
        "plane.vti": (plane, None),
        "slice.vtp": (simple.INRSlice(Input=flow, Normal=[1, 1, 0], Tolerance=0.05), time),
        "contour.vtp": (contour, time),
        "curve.vtp": (curve, None),
        "rows.vtt": (at_rows, time),
        "rows.csv": (at_rows, time),
        "points.vtp": (at_points, time),
    }


def series(folder: Path) -> dict[str, object]:
    """Return what has the time steps 0, 0.25 and 0.5, by the name of the files it is saved to."""
    flow = open_sample("beltrami_4d.pt", TimeStepValues="0 0.25 0.5")
    kinds = {
        "htg": "Hyper Tree Grid",
        "vthb": "Overlapping AMR",
        "vtu": "Unstructured Grid",
        "vti": "Image Data",
    }
    meshes = {
        f"flow.{suffix}": simple.PruningAMR(
            Input=flow, OutputType=kind, ImageResolution=9, **{**SMALL, "MaxDepth": 1}
        )
        for suffix, kind in kinds.items()
    }
    cut = simple.INRSlice(Input=flow, Tolerance=0.1)
    table = simple.CSVReader(FileName=[str(folder / "points.csv")])
    rows = simple.INREvaluate(INR=flow, Points=table, Device="cpu")
    return {**meshes, "flow.vtp": cut, "flow.vtt": rows, "flow.pvd": cut}
