"""Products of matrices whose rows round alike, whatever else is computed.

A cell near a threshold must not be refined in one run and left in the next, so a value may depend
neither on how many points are evaluated with it nor on its place among them. A BLAS promises
neither: it chooses kernels by shape, and within a product rows at the edge of a block may take
another kernel than the rest (MKL's for AVX2 and AVX-512, OpenBLAS's for Haswell).

MKL has a mode in which they do not ("strict conditional numerical reproducibility", oneMKL
Developer Guide), asked for here before its first product; in a program that has used PyTorch before
this package first does, that comes too late. What the library at hand does is tried once. If rows
differ, or MKL was not switched, products are taken in float64 and rounded to float32: a last bit
then differs only where a float64 error crosses a rounding of float32. What both cost is measured by
``tests/benchmarks/products.py``.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

import torch

from ..torch_library import library_path
from .threads import parallel_map

_AUTOMATIC, _STRICT = 2, 0x10000
"""MKL_CBWR_AUTO, the fastest kernels of this processor, and MKL_CBWR_STRICT."""

_PRODUCTS = ((3, 256), (256, 256), (40, 40), (24, 24), (100, 3), (17, 33))
_ROWS = (64, 128, 320, 1024)
_BATCHED_PRODUCTS = ((8, 8), (24, 24), (64, 64), (24, 8))
_BATCHED_ROWS, _BATCHES = (32, 64, 160), (1, 2, 16)
"""Shapes like those of networks and of networks in cells, at which a BLAS is tried."""


def affine(bias: torch.Tensor, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return ``bias + rows @ weight``.

    Parameters
    ----------
    bias : torch.Tensor, shape (n,) or (n_batch, 1, n)
    rows : torch.Tensor, shape (n_rows, k) or (n_batch, n_rows, k)
    weight : torch.Tensor, shape (k, n) or (n_batch, k, n)
    """
    if _taken_in_float64(rows):
        return _float64_product(rows, weight).add_(bias).to(rows.dtype)
    return _affine(bias, rows, weight)


def add_product_(z: torch.Tensor, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Add ``rows @ weight`` to `z`, in place; shapes are those of `affine`."""
    if _taken_in_float64(rows):
        return z.copy_(_float64_product(rows, weight).add_(z))
    return z.addmm_(rows, weight) if rows.dim() == 2 else z.baddbmm_(rows, weight)


def product(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return ``rows @ weight``; shapes are those of `affine`."""
    if _taken_in_float64(rows):
        return _float64_product(rows, weight).to(rows.dtype)
    return torch.mm(rows, weight) if rows.dim() == 2 else torch.bmm(rows, weight)


def mkl_came_first() -> bool:
    """Tell whether MKL was used before its mode could be chosen: products are then float64."""
    return _REFUSED


@cache
def rows_round_alike() -> bool:
    """Tell whether rows of float32 products on the CPU depend on nothing but themselves."""
    if _REFUSED:
        # Some shapes round alike in any mode: what a trial finds would prove nothing.
        return False
    tries = [(_PRODUCTS, _ROWS, (0,)), (_BATCHED_PRODUCTS, _BATCHED_ROWS, _BATCHES)]
    # On one thread, as all products are.
    return all(parallel_map(lambda shapes: _alike(*shapes), tries, torch.device("cpu")))


def _taken_in_float64(rows: torch.Tensor) -> bool:
    return rows.device.type == "cpu" and not rows_round_alike()


def _float64_product(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return ``rows @ weight`` in float64.

    A single product is taken twice: PyTorch has another routine for it than for a batch, maybe even
    one of another library.
    """
    rows, weight = rows.double().contiguous(), weight.double().contiguous()
    if rows.dim() == 2 or len(rows) == 1:
        twice = (factor.expand(2, *factor.shape[-2:]) for factor in (rows, weight))
        return torch.bmm(*twice)[0].reshape(*rows.shape[:-1], -1)
    return torch.bmm(rows, weight)


def _affine(bias: torch.Tensor, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    if rows.dim() == 2:
        return torch.addmm(bias, rows, weight)
    return torch.baddbmm(bias, rows, weight)


def _alike(
    shapes: tuple[tuple[int, int], ...], rows: tuple[int, ...], batches: tuple[int, ...]
) -> bool:
    """Multiply the same row again and again; tell whether the results are all the same."""
    generator = torch.Generator().manual_seed(0)
    for k, n in shapes:
        row, weight = torch.randn(k, generator=generator), torch.randn((k, n), generator=generator)
        first = None
        for batch in batches:
            many = (batch,) if batch else ()
            # Weights of one network are transposed, those of networks in cells are not.
            own = weight.expand(*many, k, n).contiguous() if batch else weight.T.contiguous().T
            for count in rows:
                found = _affine(
                    torch.ones((*many, 1, n) if batch else n),
                    row.expand(*many, count, k).contiguous(),
                    own,
                ).reshape(-1, n)
                first = found[0] if first is None else first
                if not torch.equal(found, first.expand_as(found)):
                    return False
    return True


def _ask_mkl() -> bool:
    """Switch MKL to reproducible products, unless the user has chosen a mode of it.

    Returns whether MKL refuses: it does where it has been used before.
    """
    if "MKL_CBWR" in os.environ:
        return False
    path = library_path()
    set_mode = None if path is None else getattr(ctypes.CDLL(str(path)), "mkl_serv_cbwr_set", None)
    if set_mode is not None:
        return set_mode(_AUTOMATIC | _STRICT) != 0
    # Where MKL does not show this function it still reads its variable at its first product.
    os.environ["MKL_CBWR"] = "AUTO,STRICT"
    return False


_REFUSED = _ask_mkl()
