"""The report of a base store: what is in it, and whether it looks like earthquakes."""
