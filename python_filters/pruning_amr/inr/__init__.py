"""What is visualised: networks as chains of dense layers, checkpoint files, metadata."""

from .activations import ACTIVATION_NAMES, Activation
from .chain import Chain, Layer
from .checkpoint import EXTENSIONS
from .evaluation import DEFAULT_MEMORY_MB, Evaluator, resolve_device
from .field import INR, Output, load
from .metadata import METADATA_KEYS, parse_json_object
from .storage import inr_from_bytes, inr_to_bytes, save_inr

__all__ = [
    "ACTIVATION_NAMES",
    "DEFAULT_MEMORY_MB",
    "EXTENSIONS",
    "INR",
    "METADATA_KEYS",
    "Activation",
    "Chain",
    "Evaluator",
    "Layer",
    "Output",
    "inr_from_bytes",
    "inr_to_bytes",
    "load",
    "parse_json_object",
    "resolve_device",
    "save_inr",
]
