"""What is visualised: networks as chains of dense layers, checkpoint files, metadata."""

from .activations import ACTIVATION_NAMES, Activation
from .blas import say_slow_products
from .chain import Chain, Layer, Skip
from .checkpoint import EXTENSIONS
from .evaluation import DEFAULT_MEMORY_MB, Evaluator, resolve_device
from .field import INR, Output, load
from .metadata import METADATA_KEYS, metadata_path
from .overrides import OVERRIDES, parse_overrides
from .storage import check_savable, fingerprint, inr_from_bytes, inr_to_bytes, save_inr

__all__ = [
    "ACTIVATION_NAMES",
    "DEFAULT_MEMORY_MB",
    "EXTENSIONS",
    "INR",
    "METADATA_KEYS",
    "OVERRIDES",
    "Activation",
    "Chain",
    "Evaluator",
    "Layer",
    "Output",
    "Skip",
    "check_savable",
    "fingerprint",
    "inr_from_bytes",
    "inr_to_bytes",
    "load",
    "metadata_path",
    "parse_overrides",
    "resolve_device",
    "save_inr",
    "say_slow_products",
]
