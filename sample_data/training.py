"""What the training scripts of the sample checkpoints have in common.

Sampling of an analytic field with emphasis on its edges, a deterministic
training loop, measurement of the fit, and saving of checkpoint and metadata.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Field = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Bounds = list[list[float]]

BATCH = 2048
LEARNING_RATE = 4e-3

# Half of a batch is uniform; each point of the other half is picked from this many
# candidates (on average), by how much the field changes over EDGE_REACH of each axis.
EDGE_CANDIDATES = 4
EDGE_REACH = 0.02

# The fit is measured on points that no training run can have drawn: the command
# line accepts smaller seeds only.
FIT_SEED = 2**31
FIT_POINTS = 200_000
FIT_POINTS_PER_TIME = 100_000

# A checkpoint passes its check if its fit is the stated one up to this fraction.
# The digits in the metadata file and the arithmetic of the machine take less.
FIT_TOLERANCE = 0.01


@dataclass(frozen=True)
class Sample:
    """A sample checkpoint: what is trained, on which field, and how it is stored.

    Attributes
    ----------
    build_network : callable
        Returns the untrained network, which maps points (n, d) to values (n, k).
    field : callable
        Field to learn, from points (n, d) to values (n,) or (n, k).
    metadata : dict
        Content of the metadata file apart from the fit; its "bounds" are the domain.
    steps : int
        Default number of optimiser steps.
    key_prefix : str
        Put in front of each key of the state dict.
    times : tuple of float
        Times at which the fit is also measured; the last input is then time.
    """

    build_network: Callable[[], nn.Module]
    field: Field
    metadata: dict[str, Any]
    steps: int
    key_prefix: str = ""
    times: tuple[float, ...] = ()

    @property
    def bounds(self) -> Bounds:
        """Domain of the field, as one [lower, upper] per input."""
        return self.metadata["bounds"]


def run(sample: Sample, script: str, description: str | None) -> None:
    """Train, measure and save a sample checkpoint, or check a saved one.

    Parameters
    ----------
    sample : Sample
        What to train.
    script : str
        File of the training script; ``train_NAME.py`` writes ``NAME.pt`` beside it.
    description : str or None
        Text shown by ``--help``.
    """
    out = Path(script).with_name(Path(script).stem.removeprefix("train_") + ".pt")
    arguments = _parse_arguments(description, sample.steps, out)
    make_deterministic(arguments.seed, arguments.threads)
    network = sample.build_network()
    if arguments.check_only:
        check_checkpoint(arguments.out, network, sample)
        return
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    train(network, sample.field, sample.bounds, steps=arguments.steps, seed=arguments.seed)
    fit = measure_fit(network, sample)
    state = network.state_dict()
    if sample.key_prefix:
        state = {sample.key_prefix + key: value for key, value in state.items()}
    save_checkpoint(arguments.out, state, {**sample.metadata, "fit": fit})


def _parse_arguments(description: str | None, steps: int, out: Path) -> argparse.Namespace:
    """Parse the command line that the training scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--steps", type=_integer(1, 2**31), default=steps, help="optimiser steps [%(default)s]"
    )
    parser.add_argument(
        "--seed", type=_integer(0, FIT_SEED), default=0, help="random seed [%(default)s]"
    )
    parser.add_argument(
        "--out", type=Path, default=out, help=f"checkpoint file [{out.name} beside the script]"
    )
    parser.add_argument(
        "--threads",
        type=_integer(1, 2**10),
        default=1,
        help="CPU threads; the weights are reproduced for the same number only [%(default)s]",
    )
    parser.add_argument(
        "--check-only",
        action="store_true",
        help="do not train: compare the checkpoint at --out with its field and its metadata",
    )
    return parser.parse_args()


def _integer(lowest: int, end: int) -> Callable[[str], int]:
    """Return a parser of integers from `lowest` to below `end`."""

    def integer(text: str) -> int:
        value = int(text)
        if not lowest <= value < end:
            raise argparse.ArgumentTypeError(f"{value} is not in [{lowest}, {end})")
        return value

    return integer


def make_deterministic(seed: int, threads: int) -> None:
    """Fix the seed, the number of threads and the choice of algorithms of torch."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads uninitialised memory, and filling it takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False


def dense_layers(widths: list[int], activation: type[nn.Module]) -> nn.Sequential:
    """Build dense layers with an activation between them.

    Parameters
    ----------
    widths : list of int
        Number of inputs, width of each hidden layer, number of outputs.
    activation : type of nn.Module
        Activation between the layers (SiLU, sine, ...); the last layer is linear.

    Returns
    -------
    nn.Sequential
        Dense layers at even positions, activations at odd ones.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layer = nn.Linear(inputs, outputs)
        # The default of torch starts several times smaller and trains more slowly.
        nn.init.normal_(layer.weight, std=(2.0 / inputs) ** 0.5)
        nn.init.zeros_(layer.bias)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def uniform_points(rng: np.random.Generator, bounds: Bounds, count: int) -> NDArray[np.float64]:
    """Draw uniform points from a box."""
    lower, upper = np.array(bounds).T
    return rng.uniform(lower, upper, size=(count, len(bounds)))


def draw_batch(
    rng: np.random.Generator, field: Field, bounds: Bounds
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw points, values and loss weights of one training batch.

    Half of the points are uniform, half are concentrated on edges of the field. The
    weights make the loss an estimate of the mean squared error over the domain.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the points.
    field : callable
        Field to learn.
    bounds : list of [lower, upper]
        Domain of the field.

    Returns
    -------
    tuple of Tensor
        Points (n, d), values (n, k) and weights (n, 1) of mean one.
    """
    half = BATCH // 2
    lower, upper = np.array(bounds).T
    points = uniform_points(rng, bounds, half * (1 + EDGE_CANDIDATES))
    values = _columns(field(points))
    nearby = points + EDGE_REACH * (upper - lower) * rng.standard_normal(points.shape)
    difference = _columns(field(np.clip(nearby, lower, upper))) - values
    change = np.abs(difference).sum(axis=1)

    cumulative = np.cumsum(change[half:])
    picks = np.searchsorted(cumulative, rng.random(half) * cumulative[-1])
    chosen = np.concatenate([np.arange(half), half + picks])
    # Half the points have density 1, half have a density proportional to the change.
    density = 0.5 + 0.5 * change[chosen] / change.mean()
    weights = 1.0 / density
    weights /= weights.mean()
    return (
        torch.from_numpy(points[chosen].astype(np.float32)),
        torch.from_numpy(values[chosen].astype(np.float32)),
        torch.from_numpy(weights.astype(np.float32)[:, None]),
    )


def _columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of a field as one column per component, shape (n, k)."""
    return values.reshape(len(values), -1)


def train(
    network: nn.Module,
    field: Field,
    bounds: Bounds,
    *,
    steps: int,
    seed: int,
    report_every: int = 200,
) -> None:
    """Fit a network to a field in place, with Adam and a one-cycle learning rate.

    Parameters
    ----------
    network : nn.Module
        Maps points (n, d) to values (n, k).
    field : callable
        Field to learn.
    bounds : list of [lower, upper]
        Domain of the field.
    steps : int
        Optimiser steps.
    seed : int
        Seed of the training points.
    report_every : int
        Steps between two printed reports.
    """
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=LEARNING_RATE, total_steps=steps + 1, pct_start=0.1
    )
    started = time.perf_counter()
    for step in range(1, steps + 1):
        points, values, weights = draw_batch(rng, field, bounds)
        optimiser.zero_grad(set_to_none=True)
        loss = (weights * (network(points) - values) ** 2).mean()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % report_every == 0 or step == steps:
            seconds = time.perf_counter() - started
            rms = loss.item() ** 0.5
            print(f"step {step:6d}  rms error {rms:.5f}  {seconds:6.1f} s", flush=True)


def measure_fit(network: nn.Module, sample: Sample) -> dict[str, Any]:
    """Compare a network with its field at fresh uniform points, and print the result.

    Parameters
    ----------
    network : nn.Module
        Trained network.
    sample : Sample
        Field that the network was trained on, and where to compare.

    Returns
    -------
    dict
        ``points``, ``relative_l2``, ``rmse``, ``max_error`` and the number of
        ``parameters`` of the network; with times, also ``times``, ``points_per_time``
        and ``relative_l2_at_times``.
    """
    rng = np.random.default_rng(FIT_SEED)
    points = uniform_points(rng, sample.bounds, FIT_POINTS)
    error, truth = _error_and_truth(network, sample.field, points)
    fit: dict[str, Any] = {
        "points": FIT_POINTS,
        "relative_l2": _four_digits(np.linalg.norm(error) / np.linalg.norm(truth)),
        "rmse": _four_digits(np.sqrt(np.mean(error**2))),
        "max_error": _four_digits(np.abs(error).max()),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    if sample.times:
        fit["times"] = list(sample.times)
        fit["points_per_time"] = FIT_POINTS_PER_TIME
        fit["relative_l2_at_times"] = []
        for moment in sample.times:
            points = uniform_points(rng, sample.bounds, FIT_POINTS_PER_TIME)
            points[:, -1] = moment
            error, truth = _error_and_truth(network, sample.field, points)
            ratio = np.linalg.norm(error) / np.linalg.norm(truth)
            fit["relative_l2_at_times"].append(_four_digits(ratio))
    print(json.dumps(fit))
    return fit


@torch.no_grad()
def _error_and_truth(
    network: nn.Module, field: Field, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the error of a network at points (n, d), and the field there."""
    inputs = torch.from_numpy(points.astype(np.float32))
    predicted = torch.cat([network(part) for part in inputs.split(8192)])
    truth = _columns(field(points))
    return predicted.double().numpy() - truth, truth


def _four_digits(value: float) -> float:
    """Round to four significant digits: the others depend on the machine's arithmetic."""
    return float(f"{value:.4g}")


def check_checkpoint(path: Path, network: nn.Module, sample: Sample) -> None:
    """Measure the fit of a saved checkpoint and compare it with its metadata file.

    Parameters
    ----------
    path : Path
        Checkpoint file, with its metadata beside it.
    network : nn.Module
        Network that takes the weights.
    sample : Sample
        What the checkpoint should be.

    Raises
    ------
    SystemExit
        If the metadata or the fit are not those of the sample.
    """
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(
        {key.removeprefix(sample.key_prefix): value for key, value in state.items()}
    )
    stated = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    stated_fit = stated.pop("fit", {})
    if stated != sample.metadata:
        raise SystemExit(f"{path.with_suffix('.json')} differs from the metadata of the script.")
    fit = measure_fit(network, sample)
    wrong = [
        key
        for key, value in fit.items()
        if not np.allclose(value, stated_fit.get(key, np.nan), rtol=FIT_TOLERANCE, atol=0.0)
    ]
    if wrong:
        raise SystemExit(f"{path}: the fit is not the one stated in {', '.join(wrong)}.")
    print(f"{path.name}: fit as stated")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that no reader ever sees half of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def save_checkpoint(path: Path, state: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write a state dict and, beside it, its metadata as JSON.

    Parameters
    ----------
    path : Path
        Checkpoint file; the metadata take the same name with suffix ``.json``.
    state : dict of str to Tensor
        Weights by key.
    metadata : dict
        What the state dict does not tell about the network.
    """
    # A file name would become part of the archive; a buffer keeps equal weights equal bytes.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in metadata.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    write_atomically(path.with_suffix(".json"), text.encode())
