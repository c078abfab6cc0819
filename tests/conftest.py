"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from _helpers.reference import Network, random_network, to_inr
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile(
    "suite",
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def shared_checkpoints() -> Path:
    """Folder of real checkpoints trained by others."""
    folder = Path(os.environ.get("PRUNING_AMR_SHARED", ROOT.parent / "shared" / "checkpoints"))
    if not folder.is_dir():
        pytest.skip(f"no real checkpoints at {folder}: set PRUNING_AMR_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Folder of the checkpoints that come with the project."""
    folder = ROOT / "sample_data"
    if not folder.is_dir():
        pytest.skip(f"no sample data at {folder}")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)


@pytest.fixture
def network_2d(rng) -> Network:
    return random_network(rng, (2, 24, 24, 1), "silu", gain=3.0)


@pytest.fixture
def network_3d(rng) -> Network:
    return random_network(rng, (3, 16, 16, 1), "sin", gain=3.0)


@pytest.fixture
def inr_2d(network_2d):
    return to_inr(network_2d, [[-1.0, 1.0], [0.0, 3.0]])


@pytest.fixture
def inr_3d(network_3d):
    return to_inr(network_3d, [[-1.0, 1.0], [0.0, 1.0], [2.0, 4.0]])


@pytest.fixture
def threads():
    """Set the number of torch threads; it is put back at the end of the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
