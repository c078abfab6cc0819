"""Mesh the 4-D sample without ParaView, and draw it with PyVista.

Run with ``python examples/pyvista_ct.py --output FOLDER`` where ``pruning-amr[pyvista]`` is
installed. Draws off-screen; no display is needed.
"""

import argparse
from pathlib import Path

import pruning_amr as pa
import pyvista as pv

CHECKPOINT = Path(__file__).resolve().parent.parent / "sample_data" / "dynamic_ct_4d.pt"
FIELD = "attenuation"
TIME = 0.5
ISOVALUE = 0.55  # above the container wall, so that one can look inside


def main() -> None:
    """Load, refine, convert, draw; say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/pyvista_ct"))
    parser.add_argument("--tolerance", type=float, default=0.03)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)

    inr = pa.load(CHECKPOINT)
    mesh = pa.refine(inr, tolerance=options.tolerance, time=TIME)
    # PyVista wraps unstructured grids and images; it has no class for hyper tree grids.
    grid = pv.wrap(mesh.to_vtk("unstructured_grid", time=TIME))
    picture = options.output / "pyvista_ct.png"
    draw(grid, picture)
    print(f"{picture}: {grid.n_cells} cells, error {grid.field_data['achieved_error'][0]:.3g}")


def draw(grid: pv.UnstructuredGrid, picture: Path) -> None:
    """Draw a contour, and a slice with the edges of the cells."""
    plotter = pv.Plotter(shape=(1, 2), off_screen=True, window_size=(1400, 700), border=False)
    plotter.add_mesh(grid.contour([ISOVALUE], scalars=FIELD), color="tan", smooth_shading=True)
    plotter.add_mesh(grid.outline(), color="black")
    plotter.subplot(0, 1)
    bar = {
        "n_labels": 3,
        "title_font_size": 18,
        "label_font_size": 16,
        "vertical": True,
        "position_x": 0.8,
    }
    plotter.add_mesh(
        grid.slice("z"), scalars=FIELD, show_edges=True, line_width=0.3, scalar_bar_args=bar
    )
    plotter.view_xy()
    plotter.screenshot(picture)


if __name__ == "__main__":
    main()
