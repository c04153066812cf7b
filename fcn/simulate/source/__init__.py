"""Earthquakes: where, when, how large, and the pulses they send out."""
