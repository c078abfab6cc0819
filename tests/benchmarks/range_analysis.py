"""Cells visited for a contour: by range analysis, and by the exploration of INR Contour.

    build/bin/python tests/benchmarks/range_analysis.py --checkpoints FOLDER --resolution 128

Range analysis (Sharp and Jacobson, 2022) bounds the network over a box by affine arithmetic and
gives up boxes whose bounds leave the value out; it descends from the whole domain, and can miss
nothing but by rounding. This is an implementation of its own over a chain of dense layers, of two
kinds. ``--symbols all`` keeps a symbol for the error of each neuron ("affine-all"), so that a box
costs as many passes as there are neurons before; ``--symbols fixed`` keeps those of the coordinates
alone, and collects the errors in one radius for each neuron. What a box costs is given in
evaluations: multiplications over those of the network at a point. Rounding is not bounded.

The exploration samples a start lattice of 64 cells along an edge, or half as many as asked for, and
descends from there. Both end at cells of the same size, and are compared by the cells whose corners
lie on both sides of the value; those that the exploration did not find are counted as missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pruning_amr.cells import corner_offsets
from pruning_amr.refinement.exploration import Exploration
from pruning_amr.refinement.scalar_field import ScalarField

sys.path.insert(0, str(Path(__file__).resolve().parent))
from contours import cases, loaded, value_of

START = 64
FLOATS = 20_000_000
"""Of the symbols of a batch of boxes, about."""

SAMPLES = 17
"""Points of an interval at which an activation is compared with its linear approximation."""

KEPT = 0.75
"""Error of a line over that of a constant from which on the constant is taken."""

MOST_CURVED = {"sin": 1.0, "elu": 1.0, "silu": 0.5, "tanh": 0.77}
"""Largest second derivative of activations; that of ELU, of parameter 1, jumps at 0 only."""


@dataclass(frozen=True)
class Affine:
    """``centre + slopes @ s +- radius``, all s in [-1, 1].

    (n, width), (n, n_symbols, width), (n, width).
    """

    centre: torch.Tensor
    slopes: torch.Tensor
    radius: torch.Tensor

    @property
    def reach(self) -> torch.Tensor:
        """How far it goes from its centre."""
        return self.slopes.abs().sum(dim=1) + self.radius

    def through(self, weight: torch.Tensor) -> Affine:
        """Return it after a product with a matrix."""
        return Affine(self.centre @ weight.T, self.slopes @ weight.T, self.radius @ weight.abs().T)

    def __add__(self, other: Affine) -> Affine:
        """Return the sum; the first symbols of both are the same, radii are independent."""
        slopes, fewer = self.slopes.clone(), other.slopes.shape[1]
        slopes[:, :fewer] += other.slopes
        return Affine(self.centre + other.centre, slopes, self.radius + other.radius)

    def with_symbols(self) -> Affine:
        """Return it with a symbol for the radius of each neuron."""
        slopes = torch.cat([self.slopes, torch.diag_embed(self.radius)], dim=1)
        return Affine(self.centre, slopes, torch.zeros_like(self.radius))

    def shifted(self, scale: torch.Tensor, offset: torch.Tensor, error: torch.Tensor) -> Affine:
        """Return it times a factor of each neuron, plus an offset, with an error."""
        return Affine(
            scale * self.centre + offset,
            scale[:, None] * self.slopes,
            scale.abs() * self.radius + error,
        )


def cost(chain, symbols: str) -> float:
    """Return what bounding a box costs, in evaluations at a point."""
    n, total, once = chain.n_inputs, 0, 0
    for layer in chain.layers:
        total += (n + (1 if symbols == "all" else 2)) * layer.weight.numel()
        once += layer.weight.numel()
        n += layer.width if symbols == "all" else 0
    return total / once


def bounded(chain, box: Affine, symbols: str) -> Affine:
    """Return the affine bounds of a chain over boxes."""
    outputs, h = [], box
    for layer in chain.layers:
        z = h.through(layer.weight)
        if layer.input_weight is not None:
            z = z + box.through(layer.input_weight)
        for skip in layer.skips:
            z = z + outputs[skip.source].through(skip.weight)
        one = torch.ones_like(z.centre)
        z = z.shifted(one, layer.bias.expand_as(one), torch.zeros_like(one))
        h = activated(z, layer.activation)
        h = h.with_symbols() if symbols == "all" and layer is not chain.layers[-1] else h
        outputs.append(h)
    return h


def activated(z: Affine, activation) -> Affine:
    """Return bounds after an activation: a line through its ends, or a constant where narrower."""
    if activation.name == "identity":
        return z
    reach = z.reach
    low, high = z.centre - reach, z.centre + reach
    if activation.name == "relu":
        scale = (high.relu() - low.relu()) / (high - low).clamp(min=1e-30)
        half = torch.where((low < 0) & (high > 0), -0.5 * scale * low, torch.zeros_like(low))
        return z.shifted(scale, half, half)
    unit = torch.linspace(0, 1, SAMPLES)[:, None, None]
    points = low + unit * (high - low)
    values = activation(points.reshape(-1, points.shape[2])).reshape(points.shape)
    # Between samples the activation is as far from a chord as its second derivative allows.
    pad = MOST_CURVED[activation.name] * ((high - low) / (SAMPLES - 1)).square() / 8
    if activation.name == "sin":
        pad = pad.clamp(max=2.0)
    found = []
    for scale in ((values[-1] - values[0]) / (high - low).clamp(min=1e-30), torch.zeros_like(low)):
        rest = values - scale * points
        most, least = rest.amax(dim=0) + pad, rest.amin(dim=0) - pad
        if activation.name == "sin":
            # A constant never needs more than the whole range.
            most = torch.where(scale == 0, most.clamp(max=1.0), most)
            least = torch.where(scale == 0, least.clamp(min=-1.0), least)
        found.append((scale, 0.5 * (most + least), 0.5 * (most - least)))
    line, constant = found
    # A line keeps what neurons have in common: worth it unless it spreads much more in all.
    choose = line[2] <= KEPT * constant[2]
    return z.shifted(*(torch.where(choose, a, b) for a, b in zip(line, constant, strict=True)))


def descend(
    chain, bounds: np.ndarray, value: float, depth: int, symbols: str
) -> tuple[np.ndarray, list[int]]:
    """Return the boxes of a depth in which the value may be, and how many were bounded of each."""
    d, visited = len(bounds), []
    boxes = np.zeros((1, d), np.int64)
    widths = [layer.width for layer in chain.layers]
    floats = max(widths) * (d + (sum(widths) if symbols == "all" else SAMPLES))
    batch = max(1, FLOATS // floats)
    for level in range(depth + 1):
        size = np.diff(bounds)[:, 0] / 2**level
        visited.append(len(boxes))
        kept = []
        for start in range(0, len(boxes), batch):
            part = boxes[start : start + batch]
            centre = torch.from_numpy(bounds[:, 0] + (part + 0.5) * size).float()
            slopes = torch.from_numpy(np.diag(0.5 * size)).float().expand(len(part), d, d)
            found = bounded(chain, Affine(centre, slopes, torch.zeros_like(centre)), symbols)
            off = (found.centre - value).abs()[:, 0]
            kept.append(part[(off <= found.reach[:, 0]).numpy()])
        boxes = np.concatenate(kept)
        print(f"    level {level}: {len(boxes):,} of {visited[-1]:,} boxes stay", flush=True)
        if level < depth:
            boxes = (2 * boxes[:, None] + corner_offsets(d)).reshape(-1, d)
    return boxes, visited


def crossing(boxes: np.ndarray, bounds: np.ndarray, n: int, value: float, field) -> np.ndarray:
    """Return the keys of those boxes whose corners lie on both sides of the value."""
    corners = boxes[:, None] + corner_offsets(boxes.shape[1])
    stride = (n + 1) ** np.arange(boxes.shape[1])
    _, first, inverse = np.unique(corners @ stride, return_index=True, return_inverse=True)
    lattice = corners.reshape(-1, boxes.shape[1])[first]
    points = bounds[:, 0] + lattice * np.diff(bounds)[:, 0] / n
    sides = (field.values(points) >= np.float32(value))[inverse.reshape(-1)]
    sides = sides.reshape(corners.shape[:2])
    return boxes[sides.any(axis=1) & ~sides.all(axis=1)] @ n ** np.arange(boxes.shape[1])


def compare(case, resolution: int, symbols: str) -> None:
    """Print a line for each way."""
    inr = loaded(case)
    chain, bounds = inr.chain_at(case.time), inr.spatial_bounds
    value, depth = value_of(case, inr), int(np.log2(resolution))
    chain = chain.with_outputs([0])
    with torch.inference_mode():
        started = time.perf_counter()
        boxes, visited = descend(chain, bounds, value, depth, symbols)
        seconds = time.perf_counter() - started
    met = crossing(boxes, bounds, resolution, value, ScalarField(chain))
    total, passes = sum(visited), cost(chain, symbols) * sum(visited)
    print(
        f"{case.name} at {value:.6g}, cells of {resolution}^3: {len(met):,} have corners on both "
        f"sides\n  range analysis: {total:,} boxes ({total / len(met):.1f} for each), worth "
        f"{passes:,.0f} evaluations ({passes / len(met):.1f} for each), {seconds:.1f} "
        f"s; by level {', '.join(map(str, visited))}",
        flush=True,
    )
    field = ScalarField(chain)
    started = time.perf_counter()
    start = min(START, resolution // 2)
    exploration = Exploration(
        bounds, (start,) * 3, int(np.log2(resolution // start)), [value], field.values
    )
    *_, cells = exploration.generations(10**9)
    seconds = time.perf_counter() - started
    found = cells.index @ resolution ** np.arange(3)
    missed = len(np.setdiff1d(met, found))
    looked = start**3 + sum(exploration.n_explored)
    print(
        f"  exploration: {looked:,} cells ({looked / len(met):.1f} for each), {field.n_values:,} "
        f"evaluations ({field.n_values / len(met):.1f} for each), {seconds:.1f} s; missed "
        f"{missed:,} ({100 * missed / len(met):.3f} %)",
        flush=True,
    )


def main() -> None:
    """Print two lines for every field."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--only", nargs="*", help="names of fields")
    parser.add_argument("--resolution", type=int, choices=(32, 64, 128, 256, 512), default=128)
    parser.add_argument("--symbols", choices=("all", "fixed"), default="all")
    options = parser.parse_args()
    for case in cases(options.checkpoints):
        if not options.only or case.name in options.only:
            compare(case, options.resolution, options.symbols)


if __name__ == "__main__":
    main()
