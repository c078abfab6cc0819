"""Values of a field on grids and at points, through the networks of cells."""
