"""The plugin is there when a program starts: nothing is loaded by hand, nothing is mended."""

from __future__ import annotations

import subprocess
import sys

import pytest
from harness import (
    Run,
    assert_same_picture,
    assert_shows_something,
    assert_went_well,
    clean_environment,
    launcher,
    run_script,
    with_display,
)

CLASSES = {
    "Hyper Tree Grid": "vtkHyperTreeGrid",
    "Overlapping AMR": "vtkOverlappingAMR",
    "Unstructured Grid": "vtkUnstructuredGrid",
}
SERIAL = ("pvpython", "pvbatch")


@pytest.fixture(scope="module")
def runs(new_folder) -> dict[str, Run]:
    return {}


@pytest.fixture
def run_in(runs, new_folder):
    """Return the function that runs ``load.py`` in a program, once per module."""

    def run(name: str, program: list) -> Run:
        if name not in runs:
            environment = clean_environment(
                OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1"
            )
            runs[name] = run_script(
                "load", new_folder(name), program=program, environment=environment
            )
        return runs[name]

    return run


@pytest.fixture
def parallel(run_in, mpiexec) -> Run:
    return run_in("parallel", [*mpiexec, launcher("pvbatch"), "--sym"])


@pytest.fixture
def serial(run_in) -> Run:
    return run_in("pvpython", [launcher("pvpython")])


@pytest.mark.parametrize("program", SERIAL)
def test_every_output_type_in_a_serial_program(program, run_in):
    run = run_in(program, [launcher(program)])
    assert_went_well(run)
    assert run.answer["processes"] == 1
    assert {k: v["class"] for k, v in run.answer["types"].items()} == CLASSES
    cells = {k: v["cells"] for k, v in run.answer["types"].items()}
    # More than the root grid and its uniform refinement, fewer than a uniform grid.
    assert 512 < cells["Hyper Tree Grid"] < 4096
    # Cells beside smaller ones are split.
    assert cells["Hyper Tree Grid"] < cells["Unstructured Grid"] < 4 * cells["Hyper Tree Grid"]
    assert cells["Hyper Tree Grid"] <= cells["Overlapping AMR"] <= 4096
    assert_shows_something(run.picture("slice"))


@pytest.mark.parametrize("program", SERIAL)
def test_nothing_is_mended_behind_the_scenes(program, run_in):
    answer = run_in(program, [launcher(program)]).answer
    assert not answer["customized"]
    assert answer["getargspec"] == (sys.version_info < (3, 11))


def test_the_pieces_of_two_processes_are_the_whole(parallel, serial):
    assert_went_well(parallel)
    ranks = parallel.answers
    assert [a["rank"] for a in ranks] == [0, 1]
    assert all(a["processes"] == 2 for a in ranks)
    for output_type, whole in serial.answer["types"].items():
        parts = [a["types"][output_type]["cells"] for a in ranks]
        assert all(parts), f"{output_type}: a process holds nothing of {parts}"
        assert sum(parts) == whole["cells"], output_type


def test_each_of_two_processes_evaluates_its_points(parallel, serial):
    parts, whole = ([a["evaluated"] for a in run.answers] for run in (parallel, serial))
    assert all(part["cells"] for part in parts)
    assert sum(part["cells"] for part in parts) == whole[0]["cells"]
    assert max(part["range"][1] for part in parts) == whole[0]["range"][1]


def test_the_first_of_two_processes_has_the_surface(parallel, serial):
    assert [a["surface"] for a in parallel.answers] == [serial.answer["surface"], 0]
    assert serial.answer["surface"] > 1000


@pytest.mark.parametrize("name", ["slice", "surface"])
def test_two_processes_draw_the_same_as_one(name, parallel, serial):
    assert_same_picture(parallel.picture(name), serial.picture(name))


@pytest.mark.parametrize(
    ("program", "arguments", "expected"),
    [
        ("python", ["-c", "import paraview, pruning_amr; print('both found')"], "both found"),
        ("pruning-amr", ["--version"], "pruning-amr "),
        ("pruning-amr", ["info", "{samples}/oscillation_2d.pt"], "2 -> 96 -> 96 -> 96 -> 96 -> 1"),
        ("pvserver", ["--version"], "paraview version"),
        ("paraview", ["--version"], "paraview version"),
    ],
)
def test_the_other_launchers_start(program, arguments, expected, sample_data, tmp_path):
    display = [with_display()] if program == "paraview" else []
    command = [*display, launcher(program), *(a.format(samples=sample_data) for a in arguments)]
    done = subprocess.run(
        command,
        env=clean_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout + done.stderr
