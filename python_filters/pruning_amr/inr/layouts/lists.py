"""Lists of weights and biases, as the Pruning AMR authors and as TensorFlow codes write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import CheckpointError
from ...files.modules import as_module
from ..activations import IDENTITY, Activation
from ..metadata import Metadata
from ..questions import Questions
from .arrays import may_shape_field
from .module_activations import activation_of
from .raw import RawNetwork, flatten
from .unused import refuse_complex, refuse_unused


def read_lists(
    content: Mapping[str, Any], metadata: Metadata, questions: Questions
) -> RawNetwork | None:
    """Read ``weights_list``, ``bias_list`` and ``act_list`` (pickled ``torch.nn`` modules)."""
    weights, biases = (_entries(content.get(k)) for k in ("weights_list", "bias_list"))
    if not weights or biases is None:
        return None
    activations = None
    if content.get("act_list") is not None:
        activations = _activations(_entries(content["act_list"]) or [], len(weights))
    if len(biases) != len(weights):
        raise CheckpointError(
            f"bias_list holds {len(biases)} biases and weights_list {len(weights)} matrices; "
            "expected as many: is the file complete?"
        )
    used = {"weights_list": weights, "bias_list": biases, "gauss": content.get("gauss")}
    refuse_complex(flatten(used))
    refuse_unused({k: v for k, v in content.items() if k not in used and may_shape_field(k, v)})
    fourier = used["gauss"]
    return RawNetwork(
        "lists",
        [np.asarray(w) for w in weights],
        [np.asarray(b) for b in biases],
        activations,
        fourier if isinstance(fourier, np.ndarray) and fourier.size else None,
        names=[f"weights_list.{i}" for i in range(len(weights))],
        own_frequencies={} if activations is None else dict.fromkeys(range(len(weights)), 1.0),
    )


def read_pairs_of_lists(
    content: Mapping[str, Any], metadata: Metadata, questions: Questions
) -> RawNetwork | None:
    """Read ``[[W, …], [b, …]]`` with W (n_in, n_out) and b (1, n_out), as TensorFlow codes pickle.

    A list of a file comes as a dict of its numbers.
    """
    if set(content) != {"0", "1"}:
        return None
    weights, biases = (_entries(content[k]) for k in ("0", "1"))
    if not weights or not biases or len(weights) != len(biases):
        return None
    if not all(isinstance(a, np.ndarray) for a in (*weights, *biases)):
        return None
    refuse_complex(flatten({"0": weights, "1": biases}))
    if any(w.ndim != 2 or w.shape[1] != b.size for w, b in zip(weights, biases, strict=True)):
        return None
    return RawNetwork(
        "kernel_lists",
        [w.T for w in weights],
        [b.reshape(-1) for b in biases],
        names=[f"0.{i}" for i in range(len(weights))],
    )


def _entries(value: Any) -> list[Any] | None:
    """Return the entries of a list, also of one that is a ParameterList or a ModuleList."""
    module = as_module(value)
    if module is not None:
        return list((module.parameters or module.children).values())
    return list(value) if isinstance(value, list | tuple) else None


def _activations(modules: list[Any], n_layers: int) -> list[Activation]:
    activations = [activation_of(module) for module in modules]
    if None in activations:
        bad = modules[activations.index(None)]
        raise CheckpointError(
            f"act_list holds {getattr(bad, 'kind', type(bad).__name__)}; expected activations of "
            "torch.nn: write the network in another form."
        )
    if len(activations) == n_layers - 1:
        activations.append(IDENTITY)
    if len(activations) != n_layers:
        raise CheckpointError(
            f"act_list holds {len(modules)} activations for {n_layers} layers; expected "
            "one for each layer or for each hidden layer: is the file complete?"
        )
    return activations
