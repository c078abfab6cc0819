"""A network that checkpoints of the tests hold."""

from __future__ import annotations

import pytest
from _helpers.reference import Network, random_network


@pytest.fixture
def network(rng) -> Network:
    return random_network(rng, (3, 16, 16, 1), "silu")
