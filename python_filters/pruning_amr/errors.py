"""The errors a user can cause, each carrying one sentence: found, expected, what to do."""


class PruningAMRError(Exception):
    """Base of every error this package raises on purpose."""


class CheckpointError(PruningAMRError):
    """A checkpoint file cannot be read, or its layout is not one this package knows."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint asks for something other than arrays and known ``torch.nn`` modules."""


class MetadataError(PruningAMRError):
    """A fact about the network that its file does not hold is missing or contradictory."""


class ParameterError(PruningAMRError):
    """A parameter of a computation lies outside what is meaningful."""


class DependencyError(PruningAMRError):
    """An optional library is needed for what was asked, and is not installed."""


class TimeRangeWarning(UserWarning):
    """A time lies outside the range of a field; the nearer end is shown instead."""
