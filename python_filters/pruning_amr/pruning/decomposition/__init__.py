"""The interpolative decomposition and the kernels it is computed with."""
