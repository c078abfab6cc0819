"""Criterion feature_map: the gradient of the pruned network, as summaries of the work say."""

from __future__ import annotations

import threading

import torch

from ...cells import Boxes, Stream
from ...inr import INR, resolve_device
from ...mesh import SpaceTimeTree, Tree, error_scale
from ...pruning import prune
from ..parameters import RefinementParameters
from ..registry import criterion
from .base import MeshError


@criterion("feature_map", error_samples=8, measures_mesh=True)
class FeatureMap:
    """Gradient of the pruned network times cell size, at a few points of each cell.

    The whole network is pruned once. A cell is refined if its feature, the change of any output
    across the cell that the gradient stands for, exceeds ``feature_threshold``; refinement ends
    when the mesh meets ``tolerance``. (The variant described in summaries of Pruning AMR.)
    """

    _differentiating = threading.Lock()
    """Forward-mode differentiation keeps its state in one place for all threads."""

    def __init__(
        self,
        inr: INR,
        time: float | None,
        parameters: RefinementParameters,
        mesh_error: MeshError,
    ) -> None:
        p = self.parameters = parameters
        pruned, self.report = prune(
            inr, p.pruning_tolerance, id_tolerance=p.id_tolerance, seed=p.seed, device=p.device
        )
        self.device = resolve_device(p.device)
        # In float64 rounding depends too little on the batch to ever turn a decision.
        self.chain = pruned.chain_at(time).to(self.device, torch.float64)
        self.scale = torch.from_numpy(error_scale(inr, p.error_formula)).to(self.device)
        widest = max(layer.width for layer in self.chain.layers)
        # Values and their derivatives.
        kept = 2 * self.chain.kept_width
        self.bytes_per_cell = 8 * p.n_error_samples * (6 * widest + kept + 8 * inr.dimension)
        self.achieved_error: float | None = None
        self._mesh_error = mesh_error

    def __call__(self, cells: Boxes) -> torch.Tensor:
        """Return feature / feature_threshold."""
        p = self.parameters
        unit = cells.lattice(p.n_error_samples, Stream.ERROR, p.seed)
        points = cells.at(unit)
        with self._differentiating, torch.inference_mode(False):
            jacobian = self._jacobian(points.flatten(0, 1).clone())
        change = jacobian.reshape(*points.shape[:2], len(self.scale), -1)
        change = change * cells.size[:, None, None, :]
        feature = (change.square().sum(dim=3).sqrt() / self.scale).amax(dim=(1, 2))
        return feature / p.feature_threshold

    def satisfied(self, tree: Tree | SpaceTimeTree) -> bool:
        """Measure the mesh at fresh points; tell whether it meets the tolerance."""
        self.achieved_error = self._mesh_error(tree)
        return self.achieved_error <= self.parameters.tolerance

    def _jacobian(self, points: torch.Tensor) -> torch.Tensor:
        """Return derivatives, (n_points, n_inputs) -> (n_points, n_outputs, n_inputs)."""
        columns = []
        for axis in range(points.shape[1]):
            direction = torch.zeros_like(points)
            direction[:, axis] = 1.0
            columns.append(torch.func.jvp(self.chain, (points,), (direction,))[1])
        return torch.stack(columns, dim=2)
