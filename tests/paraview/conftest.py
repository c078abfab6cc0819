"""Fixtures of the tests that start real ParaView programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items) -> None:
    here = Path(__file__).resolve().parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.paraview)


@pytest.fixture(scope="session")
def mpiexec() -> list[str]:
    """Command that starts two processes."""
    program = shutil.which("mpiexec")
    if program is None:
        pytest.skip("no mpiexec")
    return [program, "--oversubscribe", "-n", "2"]


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory):
    """Return the function that makes an empty folder."""
    return tmp_path_factory.mktemp
