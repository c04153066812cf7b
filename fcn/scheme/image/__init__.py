"""Training and reading networks with one volume over a fixed grid: EEWNet and its light version."""
