"""plugin/PruningAMR.py works as an ordinary Python plugin, as in ParaView 5.12 and newer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from harness import ROOT, assert_went_well, bare_program, clean_environment, launcher, run_script


@pytest.fixture(scope="module")
def site_packages() -> str:
    """Where the launchers find what the package needs, without the package itself."""
    command = [
        launcher("python"),
        "-c",
        "import torch, pathlib as p; print(p.Path(torch.__file__))",
    ]
    found = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, check=True, timeout=120
    )
    return str(Path(found.stdout.strip()).parents[1])


@pytest.mark.parametrize("file", ["PruningAMR.py"])
def test_it_loads_without_configuration(file, site_packages, new_folder):
    run = run_script(
        "python_plugin",
        new_folder("plugin"),
        program=bare_program("pvpython"),
        request={"file": file},
        environment=clean_environment(PYTHONPATH=site_packages),
    )
    assert_went_well(run)
    assert not run.answer["before"]
    assert not run.answer["configured"]
    assert run.answer["class"] == "vtkUnstructuredGrid"
    assert 512 < run.answer["cells"] < 10_000
    # Found beside the plugin, as nothing else names its folder.
    assert run.answer["package"] == str(ROOT / "python_filters" / "pruning_amr" / "__init__.py")
