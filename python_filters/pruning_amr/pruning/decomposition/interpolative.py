"""Interpolative decomposition of activation matrices, many at a time.

An interpolative decomposition picks k columns P of a matrix A (n_samples, n_neurons) and a
matrix T (k, n_neurons) with A ≈ A[:, P] T. It follows from the column-pivoted factorisation
A Π = Q R: P are the first k pivots, T = R[:k, :k]^-1 R[:k] Π^T. (Cheng, Gimbutas, Martinsson,
Rokhlin: On the compression of low rank matrices, SIAM J. Sci. Comput. 26, 2005.)

R is also the pivoted Cholesky factor of the Gram matrix A^T A, with the same pivots: found by
LAPACK on the CPU, and for a whole batch of cells at once on a GPU. Forming the Gram matrix
squares the condition number: in float64 the ranks are those of QR for tolerances well above 1e-8.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...inr import products  # noqa: F401  chooses MKL's mode, before MKL's first function is called
from .lapack import factorised, gram_triangles, solved


@dataclass(frozen=True)
class InterpolativeDecomposition:
    """Decompositions A ≈ A[:, P] T of a batch of matrices.

    Attributes
    ----------
    rank : torch.Tensor, shape (n_batch,), int64
        Number k of kept columns of each matrix; 0 for a zero matrix.
    columns : torch.Tensor, shape (n_batch, max_rank), int64
        Kept columns P in pivot order; padded with 0 beyond `rank`.
    interpolation : torch.Tensor, shape (n_batch, max_rank, n_columns), float64
        T; rows beyond `rank` are zero.
    """

    rank: torch.Tensor
    columns: torch.Tensor
    interpolation: torch.Tensor

    def select(self, batch: torch.Tensor) -> InterpolativeDecomposition:
        """Return those of some of the matrices, by their indices."""
        return InterpolativeDecomposition(
            self.rank[batch], self.columns[batch], self.interpolation[batch]
        )

    def padded(self, width: int) -> InterpolativeDecomposition:
        """Return them with `width`, not less than any rank, in the place of the largest rank."""
        more = width - self.columns.shape[1]
        return InterpolativeDecomposition(
            self.rank,
            torch.nn.functional.pad(self.columns, (0, more)),
            torch.nn.functional.pad(self.interpolation, (0, 0, 0, more)),
        )


@dataclass(frozen=True)
class PivotedFactors:
    """The decompositions of a batch of matrices to a tolerance and to all larger ones.

    A larger tolerance keeps a prefix of the same pivots; only T has to be solved for again.

    Attributes
    ----------
    factor : torch.Tensor, shape (n_batch, max_rank, n_columns), float64
        R, with columns in pivot order. What lies below the diagonal, or in rows beyond the rank
        of a matrix, means nothing.
    order : torch.Tensor, shape (n_batch, n_columns), int64
        The columns in pivot order, a permutation.
    rank : torch.Tensor, shape (n_batch,), int64
    """

    factor: torch.Tensor
    order: torch.Tensor
    rank: torch.Tensor

    @property
    def tolerances(self) -> torch.Tensor:
        """Largest tolerance at which each pivot is kept, |R_kk / R_00|; 0 beyond the rank."""
        diagonal = torch.diagonal(self.factor, dim1=1, dim2=2)
        diagonal = diagonal.masked_fill(_beyond(self.rank, diagonal.shape[1]), 0.0)
        largest = torch.where(self.rank > 0, diagonal[:, 0], 1.0)
        return (diagonal / largest[:, None]).cummin(dim=1).values

    def select(self, batch: torch.Tensor) -> PivotedFactors:
        """Return those of some of the matrices, by their indices."""
        return PivotedFactors(self.factor[batch], self.order[batch], self.rank[batch])

    def at(self, tolerance: float | torch.Tensor) -> InterpolativeDecomposition:
        """Return the decompositions to a tolerance, or to one for each matrix (n_batch,)."""
        wanted = torch.as_tensor(tolerance, dtype=torch.float64, device=self.factor.device)
        kept = self.tolerances >= wanted.expand(len(self.rank))[:, None]
        return self._with_rank(torch.minimum(kept.sum(dim=1), self.rank))

    def all(self) -> InterpolativeDecomposition:
        """Return the decompositions to the smallest tolerance."""
        return self._with_rank(self.rank)

    def _with_rank(self, rank: torch.Tensor) -> InterpolativeDecomposition:
        k_max = max(int(rank.max()), 1) if len(rank) else 1
        padding = _beyond(rank, k_max)
        r = self.factor[:, :k_max].masked_fill(padding[:, :, None], 0.0)
        # T = R[:k, :k]^-1 R, with a unit diagonal, and zeros to its right, beyond the rank.
        triangle = r[:, :, :k_max].masked_fill(padding[:, None, :], 0.0)
        torch.diagonal(triangle, dim1=1, dim2=2).add_(padding.double())
        in_pivot_order = torch.linalg.solve_triangular(triangle, r.triu_(), upper=True)
        columns = self.order[:, None, :].expand(-1, k_max, -1)
        interpolation = torch.empty_like(r).scatter_(2, columns, in_pivot_order)
        kept = self.order[:, :k_max].masked_fill(padding, 0)
        return InterpolativeDecomposition(rank, kept, interpolation)


def pivoted_factors(matrices: torch.Tensor, tolerance: float) -> PivotedFactors:
    """Decompose a batch of matrices to a relative tolerance and all larger ones.

    Parameters
    ----------
    matrices : torch.Tensor, shape (n_batch, n_rows, n_columns)
    tolerance : float
        At least `pruning_amr.pruning.MIN_TOLERANCE`.
    """
    a = matrices.double()
    return PivotedFactors(*pivoted_cholesky(gram_of(a), tolerance, a.shape[1]))


def interpolative_decomposition(
    matrices: torch.Tensor, tolerance: float
) -> InterpolativeDecomposition:
    """Decompose a batch of matrices to a relative tolerance.

    Parameters
    ----------
    matrices : torch.Tensor, shape (n_batch, n_rows, n_columns)
    tolerance : float
        Columns are kept while ``|R_kk / R_00| >= tolerance``; at least
        `pruning_amr.pruning.MIN_TOLERANCE`.

    Returns
    -------
    InterpolativeDecomposition
        With ``max_rank`` the largest rank in the batch, but at least 1.
    """
    return pivoted_factors(matrices, tolerance).all()


def gram_of(matrices: torch.Tensor) -> torch.Tensor:
    """Return A^T A of a batch of matrices, (n_batch, n_rows, n) -> (n_batch, n, n).

    On the CPU what lies below the diagonal is left out.
    """
    if matrices.device.type == "cpu":
        return gram_triangles(matrices)
    return torch.bmm(matrices.mT, matrices)


def solved_rows(gram: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Solve X G = right for many positive definite G.

    Parameters
    ----------
    gram : torch.Tensor, shape (n_batch, n, n), float64
        See `gram_of`; may be overwritten.
    right : torch.Tensor, shape (n_batch, n_right, n), float64
        May be overwritten.

    Returns
    -------
    solution : torch.Tensor, shape (n_batch, n_right, n), float64
    failed : torch.Tensor, shape (n_batch,), bool
        Which matrices turned out not to be positive definite.
    """
    if gram.device.type == "cpu":
        solution = right.contiguous()
        return solution, solved(gram.contiguous(), solution)
    factor, failed = torch.linalg.cholesky_ex(gram)
    return torch.cholesky_solve(right.mT, factor).mT.contiguous(), failed > 0


def pivots_of(gram: torch.Tensor, threshold: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pivots of Gram matrices and how many of them are kept.

    Parameters
    ----------
    gram : torch.Tensor, shape (n_batch, n, n), float64
        Symmetric, positive semidefinite (see `gram_of`); may be overwritten.
    threshold : torch.Tensor, shape (n_batch,), float64
        Pivots are kept while the squared norm of what is left of their column exceeds this.

    Returns
    -------
    pivots : torch.Tensor, shape (n_batch, n), int64
        Kept ones first, in pivot order.
    rank : torch.Tensor, shape (n_batch,), int64
    """
    if gram.device.type == "cpu":
        return factorised(gram.contiguous(), threshold)
    _, pivots, rank = batched_pivoted_cholesky(gram, threshold, gram.shape[1])
    return torch.nn.functional.pad(pivots, (0, gram.shape[1] - pivots.shape[1])), rank


def pivoted_cholesky(
    gram: torch.Tensor, tolerance: float, max_rank: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Factor symmetric positive semidefinite matrices with diagonal pivoting.

    Parameters
    ----------
    gram : torch.Tensor, shape (n_batch, n, n), float64
        See `gram_of`; may be overwritten.
    tolerance : float
        Pivots are taken while ``R[k, k] / R[0, 0] >= tolerance``.
    max_rank : int
        Upper bound on the rank.

    Returns
    -------
    factor, order, rank : torch.Tensor
        ``gram[order][:, order]`` is about R^T R; see `PivotedFactors`.
    """
    n_batch, n, _ = gram.shape
    max_rank = min(max_rank, n)
    largest = torch.diagonal(gram, dim1=1, dim2=2).amax(dim=1) if n_batch else gram.new_zeros(0)
    # A residual lost in rounding is no column to divide by, whatever the tolerance.
    threshold = largest * max(tolerance**2, 16 * n * torch.finfo(gram.dtype).eps)
    if gram.device.type == "cpu":
        factor = gram.contiguous()
        order, rank = factorised(factor, threshold)
        rank = rank.clamp(max=max_rank)
        return factor[:, : max(int(rank.max()) if n_batch else 0, 1)], order, rank
    factor, pivots, rank = batched_pivoted_cholesky(gram, threshold, max_rank)
    place = torch.full_like(gram[:, 0], n, dtype=torch.long)
    number = torch.arange(pivots.shape[1], device=gram.device).expand_as(pivots)
    # Pivots beyond the rank are all column 0: the smallest number is that of a pivot.
    number = number.masked_fill(_beyond(rank, pivots.shape[1]), n)
    order = place.scatter_reduce_(1, pivots, number, "amin").argsort(dim=1, stable=True)
    return factor.mT.gather(2, order[:, None, :].expand(-1, pivots.shape[1], -1)), order, rank


def batched_pivoted_cholesky(
    gram: torch.Tensor, threshold: torch.Tensor, max_rank: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Factor matrices with diagonal pivoting, G ≈ L L^T, all at once: for a GPU.

    Columns of L are computed only up to the rank of each matrix; matrices that have reached
    theirs leave the batch.

    Parameters
    ----------
    gram : torch.Tensor, shape (n_batch, n, n), float64
    threshold : torch.Tensor, shape (n_batch,), float64
        Pivots are taken while ``L[p_k, k]^2`` exceeds this.
    max_rank : int
        Upper bound on the rank.

    Returns
    -------
    factor : torch.Tensor, shape (n_batch, n, rank_max)
        L; columns beyond a matrix's own rank are zero.
    pivots : torch.Tensor, shape (n_batch, rank_max), int64
        Padded with 0 beyond `rank`.
    rank : torch.Tensor, shape (n_batch,), int64
    """
    n_batch, n, _ = gram.shape
    max_rank = min(max_rank, n)
    factor = gram.new_zeros((n_batch, n, max_rank))
    pivots = torch.zeros((n_batch, max_rank), dtype=torch.long, device=gram.device)
    rank = torch.zeros(n_batch, dtype=torch.long, device=gram.device)
    residual = torch.diagonal(gram, dim1=1, dim2=2).clone()
    largest = residual.max(dim=1).values if n_batch else residual.new_zeros(0)
    active = torch.nonzero(largest > 0)[:, 0]
    for k in range(max_rank):
        value, pivot = residual[active].max(dim=1)
        keep = value > threshold[active]
        active, value, pivot = active[keep], value[keep], pivot[keep]
        if not active.numel():
            return factor[:, :, : max(k, 1)], pivots[:, : max(k, 1)], rank
        column = gram[active, pivot]
        if k:
            done = factor[active, :, :k]
            column = column - (done @ factor[active, pivot, :k, None])[:, :, 0]
        column = column / value.sqrt()[:, None]
        # Exactly zero where a column is already taken, so that L is triangular in pivot order.
        column.scatter_(1, pivots[active, :k], 0.0)
        factor[active, :, k] = column
        pivots[active, k] = pivot
        rank[active] += 1
        remaining = residual[active] - column.square()
        remaining.scatter_(1, pivots[active, : k + 1], -1.0)
        residual[active] = remaining
    return factor, pivots, rank


def _beyond(rank: torch.Tensor, k_max: int) -> torch.Tensor:
    """Return which of k_max pivots lie beyond the rank of each matrix, (n_batch, k_max)."""
    return torch.arange(k_max, device=rank.device)[None] >= rank[:, None]
