"""What a mesh can be asked for, known without the libraries that compute it."""

from __future__ import annotations

BALANCES = ("none", "faces", "edges", "corners")
"""Across what the levels of neighbouring cells differ by one at most; each includes those
before it."""

RECONSTRUCTIONS = ("multilinear", "conforming", "cell_constant", "dual")
"""From each cell's own corners; with hanging vertices interpolated; one value per cell; linear
between cell centres on the dual grid."""

MAX_KEY_LEVEL = 15
"""Finest level that `SpaceTimeTree.shape_key` tells apart from others, in space and in time."""
