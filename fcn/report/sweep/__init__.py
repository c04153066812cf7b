"""The report of a sweep: its jobs beside each other."""
