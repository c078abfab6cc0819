"""Refinement criteria: which cells of a generation have to be refined.

A criterion is called with a batch of cells and returns one indicator per cell; a cell is
refined if its indicator exceeds 1. Cells are independent of each other and of their batch. Every
module of this folder is imported, and registers its own (see `pruning_amr.refinement.criterion`).
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
