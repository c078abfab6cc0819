"""What the fuzzer once found, and a little of what it tries, without it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from _helpers.fuzzed import feed

SEEDS = sorted((Path(__file__).parent / "seeds").iterdir())


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.name)
def test_finding_stays_fixed(tmp_path, seed):
    feed(seed.name.partition("-")[0], tmp_path / "file", seed.read_bytes())


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.name)
def test_changed_bytes(tmp_path, seed):
    reader, data = seed.name.partition("-")[0], seed.read_bytes()
    chance = random.Random(0)
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        feed(reader, tmp_path / "file", bytes(changed))
