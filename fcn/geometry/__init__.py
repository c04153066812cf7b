"""Where things are: projection, search grid, networks and layouts of stations."""
