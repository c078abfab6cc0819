"""Products of matrices, in float32 or, where rows would not round alike, in float64."""

from __future__ import annotations

import pytest
import torch
from pruning_amr.inr import products


@pytest.fixture(params=[True, False], ids=["alike", "in float64"])
def alike(request, monkeypatch) -> bool:
    monkeypatch.setattr(products, "rows_round_alike", lambda: request.param)
    return request.param


@pytest.mark.parametrize("shape", [(), (1,), (5,)])
@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_those_of_the_definition(alike, shape, rows, dtype):
    generator = torch.Generator().manual_seed(1)
    a = torch.randn((*shape, rows, 9), generator=generator, dtype=dtype)
    weight = torch.randn((*shape, 4, 9), generator=generator, dtype=dtype).mT
    bias = torch.randn((*shape, 1, 4) if shape else 4, generator=generator, dtype=dtype)
    exact = a.double() @ weight.double()
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {}
    torch.testing.assert_close(products.product(a, weight), exact.to(dtype), **close)
    total = products.affine(bias, a, weight)
    torch.testing.assert_close(total, (exact + bias).to(dtype), **close)
    kept = total.clone()
    assert products.add_product_(kept, a, weight) is kept
    torch.testing.assert_close(kept, (2 * exact + bias).to(dtype), **close)


def test_a_blas_whose_rows_differ_is_found_out(monkeypatch):
    assert products._alike(products._PRODUCTS, products._ROWS, (0,))
    right = products._affine

    def last_row_differs(bias, rows, weight):
        z = right(bias, rows, weight)
        z[..., -1, :] *= 1 + 2**-22
        return z

    monkeypatch.setattr(products, "_affine", last_row_differs)
    assert not products._alike(products._PRODUCTS, products._ROWS, (0,))
    assert not products._alike(products._BATCHED_PRODUCTS, products._BATCHED_ROWS, (1, 2))
