"""Plot the 4-D sample, and its derivative, along a line; no mesh is made.

Run with ``build/bin/pvpython examples/line_plot.py [--output FOLDER]``.
"""

import argparse
from pathlib import Path

from paraview import simple

CHECKPOINT = Path(__file__).resolve().parent.parent / "sample_data" / "dynamic_ct_4d.pt"
TIME_STEPS = (0, 32, 63)


def main() -> None:
    """Open, evaluate, plot at three time steps, and save the values of the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/line_plot"))
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)

    reader = simple.OpenDataFile(str(CHECKPOINT))
    reader.UpdatePipelineInformation()
    line = simple.Line(Point1=[-1.2, -0.2, 0.1], Point2=[1.2, -0.2, 0.1], Resolution=1000)
    field = simple.INREvaluate(INR=reader, Points=line, Gradient=1)

    layout = simple.CreateLayout("Line plot")
    views = [_chart(field, name) for name in ("attenuation", "attenuation_gradient_X")]
    simple.AssignViewToLayout(views[0], layout)
    layout.SplitVertical(0, 0.5)
    layout.AssignView(2, views[1])
    layout.SetSize(900, 700)
    for step in TIME_STEPS:
        for view in views:
            view.ViewTime = reader.TimestepValues[step]
        picture = output / f"line_plot_step_{step:02d}.png"
        simple.SaveScreenshot(str(picture), layout)
        print(f"t = {reader.TimestepValues[step]:.3f} -> {picture}")
    simple.SaveData(str(output / "line_plot.csv"), proxy=field, Precision=9)


def _chart(field, name: str):
    """Return a chart of one array along x."""
    view = simple.CreateView("XYChartView")
    view.ChartTitle, view.BottomAxisTitle, view.ShowLegend = name, "x", 0
    display = simple.Show(field, view, "XYChartRepresentation")
    display.AttributeType = "Point Data"
    display.UseIndexForXAxis, display.XArrayName = 0, "Points_X"
    display.SeriesVisibility = [name]
    display.SeriesLineThickness = [name, "2"]
    return view


if __name__ == "__main__":
    main()
