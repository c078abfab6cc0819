"""What files are read and how much memory is used, known without PyTorch."""

from __future__ import annotations

EXTENSIONS = ("pt", "pth", "ckpt", "npz", "safetensors", "tar", "pkl", "pickle", "model", "torch")
"""File name extensions that a file dialog offers; what a file is, its content tells."""

DEFAULT_MEMORY_MB = 1024
"""Memory for intermediate values, in MiB."""
