"""Generalised earthquakes: single-station records recombined into events that never happened."""
