"""Structures of networks that people have: opened, pruned and saved, the field is the formula's."""

from __future__ import annotations

import pruning_amr as pa
import pytest
from _helpers.errors import one_clear_sentence
from structure_checks import measure
from structures import STRUCTURES

LOADED = [s for s in STRUCTURES if not s.refused]
REFUSED = [s for s in STRUCTURES if s.refused]


@pytest.mark.parametrize("structure", LOADED, ids=lambda s: s.name)
def test_the_field_is_that_of_the_formula(tmp_path, structure):
    found = measure(structure, tmp_path)
    assert found.double < 1e-5
    assert found.single < max(4 * found.plain, 1e-5)
    # The error asked for is measured at other points.
    assert found.pruned < 1e-2 * 1.05
    assert found.again < 1e-6


@pytest.mark.parametrize("structure", REFUSED, ids=lambda s: s.name)
def test_what_is_no_chain_of_dense_layers_is_refused(tmp_path, structure):
    path, _ = structure.write(tmp_path)
    with one_clear_sentence(pa.PruningAMRError, *structure.refused):
        pa.load(path)
