"""Refinement criteria: which cells of a generation have to be refined.

A criterion is called with a batch of cells and returns one indicator per cell; a cell is
refined if its indicator exceeds 1. Cells are independent of each other and of their batch. Every
module of this folder but `base` holds the criterion of its name, and is imported when that is
first asked for (see `pruning_amr.refinement.registry`).
"""
