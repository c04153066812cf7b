"""Recordings of a region from data centres, through the FDSN web services."""
