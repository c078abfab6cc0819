"""What is visualised: networks as chains of dense layers, checkpoint files, metadata."""

from .activations import ACTIVATION_NAMES, Activation
from .chain import Chain, Layer
from .checkpoint import EXTENSIONS
from .evaluation import DEFAULT_MEMORY_MB, Evaluator, resolve_device
from .field import INR, Output, load
from .metadata import METADATA_KEYS
from .overrides import OVERRIDE_KEYS, parse_overrides
from .storage import fingerprint, inr_from_bytes, inr_to_bytes, save_inr

__all__ = [
    "ACTIVATION_NAMES",
    "DEFAULT_MEMORY_MB",
    "EXTENSIONS",
    "INR",
    "METADATA_KEYS",
    "OVERRIDE_KEYS",
    "Activation",
    "Chain",
    "Evaluator",
    "Layer",
    "Output",
    "fingerprint",
    "inr_from_bytes",
    "inr_to_bytes",
    "load",
    "parse_overrides",
    "resolve_device",
    "save_inr",
]
