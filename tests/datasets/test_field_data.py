"""Arrays that data sets have besides the outputs of the network."""

from __future__ import annotations

import pruning_amr as pa
import pytest
from _helpers.files import save_checkpoint, sequential_state
from _helpers.reference import random_network
from pruning_amr.datasets.field_data import CHANGE_ARRAY, extract_inr
from pruning_amr.inr.array_names import INDICATOR_ARRAY, LEVEL_ARRAY
from vtkmodules.vtkCommonDataModel import vtkDataSetAttributes, vtkHyperTreeGrid, vtkImageData


@pytest.mark.parametrize(
    "name", [LEVEL_ARRAY, INDICATOR_ARRAY, CHANGE_ARRAY, vtkDataSetAttributes.GhostArrayName()]
)
def test_no_output_can_take_the_name_of_another_array(name, tmp_path, rng):
    path = save_checkpoint(
        tmp_path / "net.pt", sequential_state(random_network(rng, (2, 8, 1), "silu"))
    )
    with pytest.raises(pa.MetadataError, match=f'"{name}"'):
        pa.load(path, activation="silu", outputs=[{"name": name, "components": [0]}])


@pytest.mark.parametrize(("kind", "told"), [(vtkHyperTreeGrid, True), (vtkImageData, False)])
def test_where_the_network_may_have_been_left_is_said(kind, told):
    with pytest.raises(pa.CheckpointError, match="carries no INR") as caught:
        extract_inr(kind())
    assert ("5.11 leaves them out of .htg files" in str(caught.value)) == told
