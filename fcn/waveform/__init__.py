"""Waveforms: reading, responses, archives and the one causal preprocessing."""
