"""Networks of cells: pruned in nested cells, each from that of a larger cell around it."""
