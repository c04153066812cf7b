"""Pages that a seismologist can read without this package: tables and figures, self-contained."""
