"""BLAS and LAPACK on many small matrices: Gram matrices, pivoted Cholesky factors, solutions.

LAPACK's pivoted factorisation stops at a tolerance, and on matrices of 25 to 256 columns it is 7
to 80 times as fast as batched tensor operations, which are bound by memory. Gram matrices take
half the products where only a triangle is formed. The routines are called where SciPy exports
them for Cython, not through SciPy's wrappers, because those hold the interpreter's lock.

SciPy's matrices are columns first: its lower triangles are the upper ones of tensors.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
import torch


def factorised(gram: torch.Tensor, threshold: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Factor symmetric positive semidefinite matrices with diagonal pivoting, in place.

    Parameters
    ----------
    gram : torch.Tensor, shape (n_batch, n, n), float64
        On the CPU, contiguous. Becomes the transposed factor, in pivot order, in its upper
        triangle: ``gram[p][:, p] = L L^T`` with ``L = result.triu().T``, as far as the rank goes.
    threshold : torch.Tensor, shape (n_batch,), float64
        Pivots are taken while what is left of the diagonal exceeds this.

    Returns
    -------
    pivots : torch.Tensor, shape (n_batch, n), int64
        A permutation, kept pivots first.
    rank : torch.Tensor, shape (n_batch,), int64
    """
    n_batch, n, _ = gram.shape
    pivots = torch.zeros((n_batch, n), dtype=torch.int32)
    rank = torch.zeros(n_batch, dtype=torch.int32)
    threshold = threshold.contiguous()
    largest = torch.diagonal(gram, dim1=1, dim2=2).amax(dim=1)
    work, info = np.empty(2 * n), ctypes.c_int()
    order = ctypes.c_int(n)
    triangle, size = ctypes.addressof(_LOWER), ctypes.addressof(order)
    rest = (work.ctypes.data, ctypes.addressof(info))
    matrix, pivot, kept, limit = (t.data_ptr() for t in (gram, pivots, rank, threshold))
    factorise = _routine("lapack", "dpstrf", 9)
    for i in range(n_batch):
        factorise(
            triangle,
            size,
            matrix + 8 * n * n * i,
            size,
            pivot + 4 * n * i,
            kept + 4 * i,
            limit + 8 * i,
            *rest,
        )
    # LAPACK takes the first pivot whatever the threshold.
    return pivots.long() - 1, torch.where(largest > threshold, rank.long(), 0)


def gram_triangles(matrices: torch.Tensor) -> torch.Tensor:
    """Return the upper triangles of A^T A, in the precision of A.

    Parameters
    ----------
    matrices : torch.Tensor, shape (n_batch, n_rows, n), float32 or float64
        On the CPU.

    Returns
    -------
    torch.Tensor, shape (n_batch, n, n)
        Zero below the diagonal.
    """
    n_batch, rows, n = matrices.shape
    a = matrices.contiguous()
    gram = a.new_zeros((n_batch, n, n))
    double = a.dtype == torch.float64
    number = ctypes.c_double if double else ctypes.c_float
    order, depth, one, zero = ctypes.c_int(n), ctypes.c_int(rows), number(1.0), number(0.0)
    size, k, alpha, beta = (ctypes.addressof(value) for value in (order, depth, one, zero))
    triangle, plain = ctypes.addressof(_LOWER), ctypes.addressof(_NOT_TRANSPOSED)
    source, target, step = a.data_ptr(), gram.data_ptr(), a.element_size()
    multiply = _routine("blas", "dsyrk" if double else "ssyrk", 10)
    for i in range(n_batch if n else 0):
        at, to = source + step * rows * n * i, target + step * n * n * i
        multiply(triangle, plain, size, k, alpha, at, size, beta, to, size)
    return gram


def solved(gram: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Solve symmetric positive definite systems in place.

    Parameters
    ----------
    gram : torch.Tensor, shape (n_batch, n, n), float64
        On the CPU, contiguous; of each matrix the upper triangle is read, and overwritten.
    right : torch.Tensor, shape (n_batch, n_right, n), float64
        Right-hand sides, one a row; contiguous. Become the solutions.

    Returns
    -------
    torch.Tensor, shape (n_batch,), bool
        Which matrices are not positive definite; their right-hand sides are left as they are.
    """
    n_batch, n_right, n = right.shape
    info = np.zeros(n_batch, np.int32)
    order, count = ctypes.c_int(n), ctypes.c_int(n_right)
    triangle, size = ctypes.addressof(_LOWER), ctypes.addressof(order)
    number, matrix, sides = ctypes.addressof(count), gram.data_ptr(), right.data_ptr()
    status, solve = info.ctypes.data, _routine("lapack", "dposv", 8)
    for i in range(n_batch if n else 0):
        at, to = matrix + 8 * n * n * i, sides + 8 * n * n_right * i
        solve(triangle, size, number, at, size, to, size, status + 4 * i)
    return torch.from_numpy(info != 0)


_LOWER, _NOT_TRANSPOSED = ctypes.c_char(b"L"), ctypes.c_char(b"N")


@cache
def _routine(library: str, name: str, n_arguments: int) -> Callable[..., None]:
    """Return a routine of BLAS or LAPACK, all of whose arguments are addresses."""
    from scipy.linalg import cython_blas, cython_lapack

    capsule = {"blas": cython_blas, "lapack": cython_lapack}[library].__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * n_arguments)(address)
