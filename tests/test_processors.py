"""Cells do not depend on how work is split, with the kernels of any processor and BLAS.

One machine can be made to use the kernels of others: PyTorch's own by ATEN_CPU_CAPABILITY, MKL's by
MKL_ENABLE_INSTRUCTIONS (on other makers' processors only if MKL is told that they are Intel's, by a
library put before it), and those of OpenBLAS by putting it before PyTorch's BLAS.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pruning_amr
import pytest

PACKAGES = str(Path(pruning_amr.__file__).resolve().parents[1])
TESTS = Path(__file__).resolve().parent
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
OPENBLAS = LIBRARIES / "openblas-pthread" / "libblas.so.3"
REFERENCE_BLAS = LIBRARIES / "blas" / "libblas.so.3"
INTEL = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


def run(*arguments: str, **environment: str) -> dict:
    """Run the checks in a process of their own; return what it used."""
    done = subprocess.run(
        [sys.executable, "-m", "_helpers.same_bits", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([PACKAGES, *sys.path[1:]]), **environment},
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def preloaded(library: Path) -> dict[str, str]:
    if not library.is_file():
        pytest.skip(f"no {library}")
    return {"LD_PRELOAD": str(library)}


def has_batches(library: Path) -> bool:
    """Tell whether a BLAS has a routine for batches under the name of MKL's."""
    code = f"import ctypes; print(hasattr(ctypes.CDLL({str(library)!r}), 'cblas_sgemm_batch'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


@pytest.fixture(scope="module")
def any_is_intel(tmp_path_factory) -> dict[str, str]:
    """Variables that make MKL take any processor for one of Intel's."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: MKL chooses the kernels of this machine's maker")
    folder = tmp_path_factory.mktemp("intel")
    (folder / "intel.c").write_text(INTEL)
    library = folder / "intel.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "intel.c"], check=True)
    return {"LD_PRELOAD": str(library)}


@pytest.mark.parametrize("capability", ["default", "avx2", "avx512"])
def test_with_any_kernels_of_pytorch(capability):
    used = run(ATEN_CPU_CAPABILITY=capability)
    assert used["rows_round_alike"]
    assert capability == "avx512" or used["capability"].lower() == capability


@pytest.mark.parametrize("instructions", ["AVX2", "AVX512"])
def test_with_any_kernels_of_mkl(any_is_intel, instructions):
    assert run(MKL_ENABLE_INSTRUCTIONS=instructions, **any_is_intel)["rows_round_alike"]


@pytest.mark.parametrize("core", ["Haswell", "SkylakeX", "Nehalem"])
def test_with_any_kernels_of_openblas(core):
    environment = preloaded(OPENBLAS)
    if has_batches(OPENBLAS):
        pytest.skip("PyTorch crashes in the batched products of this OpenBLAS")
    used = run(OPENBLAS_CORETYPE=core, **environment)
    # The control: products of these kernels do depend on where a row stands.
    assert core != "Haswell" or not used["rows_round_alike"]


def test_with_the_reference_blas():
    run(**preloaded(REFERENCE_BLAS))


@pytest.mark.parametrize("library", [OPENBLAS, REFERENCE_BLAS])
def test_pytorch_keeps_its_own_blas_if_the_package_comes_first(library):
    environment = {**preloaded(library), "OPENBLAS_CORETYPE": "Haswell"}
    assert run("late", **environment)["rows_round_alike"]


def test_a_program_that_has_used_pytorch_before_gets_the_same_bits_in_another_way():
    assert not run("used")["rows_round_alike"]


def test_pytorch_in_a_blas_that_crashes_it_is_refused():
    environment = preloaded(OPENBLAS)
    if not has_batches(OPENBLAS):
        pytest.skip("this OpenBLAS has no batched products")
    code = "import torch, pruning_amr as p\ntry: p.load\nexcept p.DependencyError as e: print(e)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([PACKAGES, *sys.path[1:]]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("PyTorch was imported into this program before Pruning AMR")
