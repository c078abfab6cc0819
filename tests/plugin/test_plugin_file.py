"""plugin/PruningAMR.py is found, finds its package, and says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOAD = """
import importlib.util as u, sys
from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow
window = vtkStringOutputWindow(); vtkOutputWindow.SetInstance(window)
if {missing!r}:
    from importlib.machinery import PathFinder
    found = PathFinder.find_spec
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] == {missing!r} else found(name, path, target)
    PathFinder.find_spec = find_spec
spec = u.spec_from_file_location("PruningAMR", {file!r})
module = u.module_from_spec(spec); spec.loader.exec_module(module)
print(module.paraview_plugin_name, len(module._Proxies._pvsm_proxy_xml) > 1000)
print("torch" in sys.modules, sys.modules["pruning_amr"].__file__)
print(window.GetOutput())
"""


def load(file: Path, missing: str = "") -> list[str]:
    """Execute the plugin file as ParaView does, without its package on the path."""
    others = [p for p in sys.path if p and not (Path(p) / "pruning_amr").is_dir()]
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(file=str(file), missing=missing)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(others)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, as pip builds it."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "-w", folder, ROOT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_a_checkout_finds_its_package():
    said, imported = load(ROOT / "plugin" / "PruningAMR.py")
    assert said == "PruningAMR True"
    assert imported == f"False {ROOT / 'python_filters' / 'pruning_amr' / '__init__.py'}"


def test_a_missing_package_is_one_red_line():
    said, _, error = load(ROOT / "plugin" / "PruningAMR.py", missing="torch")
    assert said == "PruningAMR True"
    assert error.startswith("Pruning AMR: PyTorch (torch) cannot be found by Python ")


def test_the_wheel_holds_the_package_and_the_plugin(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    package = ROOT / "python_filters" / "pruning_amr"
    sources = {
        f"pruning_amr/{path.relative_to(package).as_posix()}" for path in package.rglob("*.py")
    }
    assert sources <= set(names)
    for name in ("py.typed", "plugin/PruningAMR.py", "plugin/PruningAMR.xml"):
        assert f"pruning_amr/{name}" in names
    metadata = zipfile.ZipFile(wheel).read(next(n for n in names if n.endswith("/METADATA")))
    text = metadata.decode()
    assert "License-Expression: BSD-3-Clause" in text and "Requires-Python: >=3.10" in text
    # Pictures have no place where they would be found.
    assert "](docs/" not in text


def test_the_plugin_in_the_wheel_finds_its_package(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    said, imported = load(tmp_path / "pruning_amr" / "plugin" / "PruningAMR.py")
    assert said == "PruningAMR True"
    assert imported == f"False {tmp_path / 'pruning_amr' / '__init__.py'}"
