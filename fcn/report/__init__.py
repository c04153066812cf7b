"""Pages that a seismologist can read without this package: a room for each, and a kit that all share."""
