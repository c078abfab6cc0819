"""What files are read and how much memory is used, known without PyTorch."""

from __future__ import annotations

EXTENSIONS = ("pt", "pth", "ckpt", "npz", "safetensors")
"""File name extensions of checkpoints."""

DEFAULT_MEMORY_MB = 1024
"""Memory for intermediate values, in MiB."""
