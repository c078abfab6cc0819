"""VTK algorithms: what ParaView's proxies run."""

from ..environment import require
from ..errors import DependencyError

try:
    require()
except DependencyError as _missing:
    from .unavailable import unavailable

    INRContour = unavailable("INR Contour", 1, _missing)
    INREvaluate = unavailable("INR Evaluate", 2, _missing)
    INRReader = unavailable("INR Reader", 0, _missing)
    INRSlice = unavailable("INR Slice", 1, _missing)
    INRWriter = unavailable("INR Writer", 1, _missing)
    PruningAMR = unavailable("Pruning AMR", 1, _missing)
    PruningAMRVolume = PruningAMR
else:
    from .contour import INRContour
    from .evaluate import INREvaluate
    from .pruning_amr import PruningAMR, PruningAMRVolume
    from .reader import INRReader
    from .slice import INRSlice
    from .writer import INRWriter

__all__ = [
    "INRContour",
    "INREvaluate",
    "INRReader",
    "INRSlice",
    "INRWriter",
    "PruningAMR",
    "PruningAMRVolume",
]
