"""What evaluates no network imports neither PyTorch nor SciPy, VTK or matplotlib."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pruning_amr
import pytest
from pruning_amr.ladders import LADDERS
from pruning_amr.refinement import CRITERIA, RefinementParameters

PACKAGES = Path(pruning_amr.__file__).resolve().parents[1]
SLOW = ("torch", "scipy", "vtkmodules", "matplotlib", "tqdm")
"""What takes long to import, and is never needed for names and limits."""

QUICK = {
    "the package": "import pruning_amr",
    "networks": "import pruning_amr.inr",
    "metadata": "from pruning_amr.inr import OVERRIDES, METADATA_KEYS, ACTIVATION_NAMES, "
    "parse_overrides, metadata_path; parse_overrides(bounds='0 1 0 1')",
    "activations": "import pruning_amr.inr.activations as a; a.make_activation('sin')",
    "parameters": "from pruning_amr.refinement import RefinementParameters, make_parameters; "
    "make_parameters(criterion='paper', tolerance=0.1, root_resolution=[3, 4])",
    "folders": "import pruning_amr.cells, pruning_amr.pruning, pruning_amr.mesh, "
    "pruning_amr.refinement, pruning_amr.views, pruning_amr.datasets",
    "command line": "import pruning_amr.cli, pruning_amr.cli_arguments",
    "plugin": "import importlib.util as u; spec = u.spec_from_file_location('PruningAMR', "
    f"{str(PACKAGES.parent / 'plugin' / 'PruningAMR.py')!r}); "
    "spec.loader.exec_module(u.module_from_spec(spec))",
    "plugin file": "from pruning_amr.__main__ import main; sys.argv[1:] = ['paraview-plugin']; "
    "main()",
}

REPORT = """
import atexit, sys
atexit.register(lambda: print("IMPORTED:", *(n for n in {imported!r} if n in sys.modules)))
"""


def run(code: str, imported: tuple[str, ...]) -> tuple[str, list[str]]:
    """Run code in a process of its own; return what it prints, and which modules it imported."""
    code = REPORT.format(imported=imported) + code
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGES), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, names = done.stdout.split("IMPORTED:")
    return said, names.split()


def help_of(*command: str, flag: str = "--help") -> str:
    """Return a help text; nothing but Python's own modules may be needed for it."""
    typed = [*command, flag]
    code = f"from pruning_amr.__main__ import main; sys.argv[1:] = {typed}; main()"
    said, imported = run(code, (*SLOW, "numpy"))
    assert imported == []
    return said


@pytest.mark.parametrize("name", QUICK)
def test_nothing_slow_is_imported(name):
    assert run(QUICK[name], SLOW)[1] == []


def test_what_is_slow_is_seen_where_it_is_used():
    assert "torch" in run("from pruning_amr.inr import Evaluator", SLOW)[1]


@pytest.mark.parametrize("command", [(), ("info",), ("prune",), ("paraview-plugin",)])
def test_help_needs_nothing(command):
    assert "usage: pruning-amr" in help_of(*command)


@pytest.mark.parametrize("command", ["mesh", "compare"])
def test_help_lists_all_that_can_be_chosen(command):
    text = help_of(command, flag="--help-all")
    assert len(CRITERIA) >= 5
    chosen = [field for field in fields(RefinementParameters) if "choices" in field.metadata]
    for field in chosen:
        flag = f"--{field.name.replace('_', '-')}"
        assert f"{flag} {{{','.join(field.metadata['choices'])}}}" in text
    if command == "compare":
        assert f"--criteria {{{','.join(LADDERS)}}}" in text


def test_mkl_is_asked_for_its_mode_by_all_that_multiplies():
    code = "import pruning_amr.{}"
    wanted = ("pruning_amr.inr.products", "pruning_amr.inr.activation_functions")
    assert run(code.format("inr.chain"), wanted)[1] == [*wanted]
    assert run(code.format("pruning.decomposition.interpolative"), wanted)[1] == [wanted[0]]
