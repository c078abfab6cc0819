"""Checkpoint files read without running anything of them: formats, pickles, modules.

.. code-block:: text

    formats      who reads a file;                            kinds     what it is, by its content
    torch_files  PyTorch's zip format and the one before it;  scripts  TorchScript
    arrays       .npz and .safetensors;                       archives  zip files under limits
    pickles      the interpreter;  instructions  its bytes;   builders  what calls make
    names        what is refused as an attack
    tensors, dtypes  numbers;      plain     content;         records  objects
    modules      a network stored as an object
    limits       what a file may take
"""

from .formats import read_checkpoint
from .kinds import EXTENSIONS
from .limits import DEFAULT_CHECKPOINT_MB
from .records import Checkpoint, Record

__all__ = ["DEFAULT_CHECKPOINT_MB", "EXTENSIONS", "Checkpoint", "Record", "read_checkpoint"]
