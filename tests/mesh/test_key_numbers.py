"""Numbers of keys: each key has one, and they follow the order in which keys are first seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pruning_amr.mesh import key_numbers
from pruning_amr.mesh.key_numbers import KeyNumbers


def expected(batches: list[list[int]]) -> tuple[list[list[int]], list[int]]:
    known: dict[int, int] = {}
    numbers = [[known.setdefault(key, len(known)) for key in keys] for keys in batches]
    return numbers, list(known)


@settings(max_examples=100, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(0, 40) | st.integers(0, 2**63 - 1), max_size=60)),
    part=st.sampled_from([1, 3, 7, 1 << 16]),
    places=st.sampled_from([2, 64, 1 << 15]),
)
def test_numbers_are_those_of_a_dictionary(batches, part, places):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_numbers, "_PART", part)
        patch.setattr(key_numbers, "_FEWEST_PLACES", places)
        found, seen = KeyNumbers(), 0
        numbers, keys = expected(batches)
        for batch, wanted in zip(batches, numbers, strict=True):
            asked = np.array(batch, np.int64)
            got, new = found.of(asked)
            assert got.tolist() == wanted
            assert asked[new].tolist() == keys[seen : seen + len(new)]
            seen += len(new)
        assert found.keys.tolist() == keys
        assert len(found) == seen == len(keys)


@pytest.mark.parametrize("stride", [1, 2, 1 << 20, 1 << 40, (1 << 21) + 1])
def test_many_keys_at_equal_distances(stride):
    keys = np.arange(300_000, dtype=np.int64) * stride
    found = KeyNumbers()
    for batch in (keys[::2], keys[::-1], keys):
        numbers, _ = found.of(batch)
        np.testing.assert_array_equal(found.keys[numbers], batch)
    assert len(found) == len(keys)


def test_numbers_that_are_taken_back_are_given_again(rng):
    found = KeyNumbers()
    keys = rng.permutation(1000)
    found.of(keys[:600])
    _, new = found.of(keys[400:])
    found.take_back(len(new))
    assert len(found) == 600
    numbers, new = found.of(keys[::-1].copy())
    np.testing.assert_array_equal(found.keys[numbers], keys[::-1])
    np.testing.assert_array_equal(numbers[new], np.arange(600, 1000))
