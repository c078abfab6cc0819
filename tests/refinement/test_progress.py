"""Progress goes by the work done, of what there will be in the end."""

from __future__ import annotations

import numpy as np
import pruning_amr as pa
import pytest
from pruning_amr.inr import Evaluator

REGION = {"region": (0.2, 0.6, 0.2, 0.6), "region_tolerance": 0.01}
OVER_TIME = {"time_mode": "space_time", "tolerance": 0.12, "min_depth": 1}


@pytest.mark.parametrize(
    ("sample", "parameters"),
    [
        ("oscillation_2d", {"tolerance": 0.004}),
        ("oscillation_2d", {"tolerance": 0.05, **REGION}),
        ("oscillation_2d", {"tolerance": 0.02, "criterion": "interpolation_error"}),
        ("dynamic_ct_4d", {"tolerance": 0.08, "time": 0.5}),
        ("dynamic_ct_4d", {"tolerance": 0.02, "time": 0.5, "max_cells": 9000}),
        ("dynamic_ct_4d", OVER_TIME),
    ],
)
def test_the_bar_is_in_the_middle_at_half_of_the_work(sample, parameters, sample_data, monkeypatch):
    inr = pa.load(sample_data / f"{sample}.pt")
    assert np.isfinite(inr.value_range).all()
    asked, said = [0], []
    evaluate = Evaluator.numpy

    def counted(self, points, *rest):
        asked[0] += len(points)
        return evaluate(self, points, *rest)

    monkeypatch.setattr(Evaluator, "numpy", counted)
    evaluate_tensor = Evaluator.__call__

    def counted_tensor(self, points, *rest):
        asked[0] += len(points)
        return evaluate_tensor(self, points, *rest)

    if "criterion" in parameters:
        monkeypatch.setattr(Evaluator, "__call__", counted_tensor)

    pa.AdaptiveMesh(
        inr,
        pa.refinement.make_parameters(**{k: v for k, v in parameters.items() if k != "time"}),
        lambda fraction, text: said.append((asked[0], fraction)),
        lambda warning: None,
    ).at(parameters.get("time"))
    work, fraction = np.array([*said, (asked[0], said[-1][1])]).T
    assert (np.diff(fraction) >= 0.0).all() and fraction[0] < 0.1 and fraction[-1] <= 1.0
    assert 0.25 < np.interp(0.5, work / work[-1], fraction) < 0.8
