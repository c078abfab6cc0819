"""VTK algorithms: what ParaView's proxies run."""

from .pruning_amr import PruningAMR
from .reader import INRReader

__all__ = ["INRReader", "PruningAMR"]
