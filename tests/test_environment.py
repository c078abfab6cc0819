"""What is missing is said in one sentence, by whatever needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from pruning_amr import environment
from pruning_amr.__main__ import main

PACKAGES = Path(pa.__file__).resolve().parents[1]

BLOCKED = """
import sys
from importlib.machinery import PathFinder
found = PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in {names!r}.split() else found(name, path, target)
PathFinder.find_spec = find_spec
"""


def without(names: str, code: str) -> str:
    """Run code where some packages cannot be imported; return what it prints."""
    code = BLOCKED.format(names=names) + code
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGES), *sys.path[1:]])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_missing_here():
    environment.require()


def test_packages_are_named(monkeypatch):
    monkeypatch.setattr(environment, "_found", lambda name: name not in ("torch", "tqdm"))
    version = "{}.{}".format(*sys.version_info)
    with one_clear_sentence(pa.DependencyError, "PyTorch (torch), tqdm", version, "pip install"):
        environment.require()


@pytest.mark.parametrize(
    "file, version",
    [("_C.cpython-39-x86_64-linux-gnu.so", "3.9"), ("_C.cp38-win_amd64.pyd", "3.8")],
)
def test_pytorch_for_another_python_is_named(tmp_path, monkeypatch, file, version):
    (tmp_path / file).touch()
    found = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(environment, "find_spec", lambda name: found)
    with one_clear_sentence(pa.DependencyError, f"built for Python {version}", "expected the same"):
        environment.require()


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr(environment, "_OLDEST", (9, 9))
    with one_clear_sentence(pa.DependencyError, "expected 9.9 or newer"):
        environment.require()


def test_importing_the_package_imports_no_pytorch():
    assert without("torch", "import pruning_amr as p; print(p.__version__, 'torch' in sys.modules)")


def test_what_needs_pytorch_says_so():
    code = "import pruning_amr as p\ntry: p.load\nexcept p.DependencyError as e: print(e)"
    assert without("torch threadpoolctl", code).startswith("PyTorch (torch), threadpoolctl cannot")


def test_data_sets_without_vtk_say_what_to_install():
    code = f"""
import pruning_amr as pa, sys
sys.path.insert(0, {str(Path(__file__).resolve().parent)!r})
from _helpers.reference import linear_network, to_inr
mesh = pa.refine(to_inr(linear_network([1.0, 2.0])), tolerance=0.1)
try: mesh.to_vtk("unstructured_grid")
except pa.DependencyError as error: print(error)
"""
    said = without("vtkmodules", code)
    assert "VTK is needed" in said and "pip install 'pruning-amr[vtk]'" in said


COMMAND_LINE = """
from pruning_amr.__main__ import main
sys.stderr, sys.argv[1:] = sys.stdout, {typed!r}.split()
print(main())
"""


@pytest.mark.parametrize(
    "typed", ["info a.pt --candidates a.png", "mesh a.pt -o m.htg", "prune a.pt -o b.pt"]
)
def test_the_command_line_fails_with_a_sentence(typed):
    said = without("torch", COMMAND_LINE.format(typed=typed)).splitlines()
    assert len(said) == 2 and said[1] == "2"
    assert said[0].startswith("pruning-amr: PyTorch (torch) cannot be found by Python ")


def test_the_command_line_explains_itself_without_any_library():
    typed = "mesh --help"
    said = without("torch numpy scipy tqdm", COMMAND_LINE.format(typed=typed))
    assert "--max-cells" in said
    plugin = without("torch", COMMAND_LINE.format(typed="paraview-plugin"))
    assert plugin.splitlines()[0].endswith("PruningAMR.py") and plugin.endswith("0")


def test_the_command_line_names_an_old_python(monkeypatch, capsys):
    monkeypatch.setattr(environment, "_OLDEST", (9, 9))
    assert main() == 2
    assert capsys.readouterr().err.startswith("pruning-amr: this program runs Python ")


def test_parameters_need_no_pytorch():
    code = """
from pruning_amr.refinement import make_parameters
print(make_parameters(criterion="paper").criterion)
try: make_parameters(criterion="paper").n_error_samples
except p.DependencyError as e: print(e)
"""
    said = without("torch", "import pruning_amr as p" + code).splitlines()
    assert said[0] == "paper" and said[1].startswith("PyTorch (torch) cannot")


def test_the_algorithms_say_it_where_the_user_looks():
    code = """
from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow
window = vtkStringOutputWindow(); vtkOutputWindow.SetInstance(window)
from vtkmodules.vtkCommonDataModel import vtkImageData
from pruning_amr.algorithms import INREvaluate, INRReader, PruningAMR
reader, mesher, evaluation = INRReader(), PruningAMR(), INREvaluate()
reader.SetFileName("a.pt"); mesher.SetTolerance(0.1); reader.GetNetwork()
mesher.SetInputConnection(reader.GetOutputPort())
mesher.Update()
image = vtkImageData(); image.SetDimensions(2, 2, 2)
mesher.SetInputDataObject(image)
mesher.Update()
evaluation.SetInputDataObject(0, image)
evaluation.SetInputConnection(1, reader.GetOutputPort())
evaluation.Update()
evaluation.SetInputDataObject(1, image)
evaluation.Update()
print(window.GetOutput())
"""
    lines = [line for line in without("torch", code).splitlines() if line]
    # First from the reader alone, then of data from elsewhere.
    assert [line.partition(":")[0] for line in lines] == [
        "INR Reader",
        "Pruning AMR",
        "INR Evaluate",
    ]
    assert all("PyTorch (torch) cannot be found" in line for line in lines)


def test_the_plugin_file_is_found_in_a_checkout():
    file = environment.plugin_file()
    assert file.name == "PruningAMR.py" and file.with_suffix(".xml").is_file()
    assert "PV_PLUGIN_PATH" in environment.plugin_note()


def test_an_installation_without_plugin_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "a" / "environment.py"))
    with one_clear_sentence(pa.DependencyError, "PruningAMR.py", "pip install"):
        environment.plugin_file()
