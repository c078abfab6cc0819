"""The committed checkpoints are what their metadata say they are."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["oscillation_2d", "dynamic_ct_4d", "beltrami_4d"])
def test_fit_stated_in_the_metadata_is_the_fit_of_the_checkpoint(sample_data, name):
    script = sample_data / f"train_{name}.py"
    checked = subprocess.run(
        [sys.executable, script, "--check-only"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_dynamic_ct_is_large_enough_and_close_to_its_phantom(sample_data):
    fit = json.loads((sample_data / "dynamic_ct_4d.json").read_text())["fit"]
    assert fit["parameters"] >= 300_000
    assert fit["relative_l2"] < 0.02
