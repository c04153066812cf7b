"""Simulated ground motion: sources, scattering, sites, noise, instruments, records and whole sequences."""

# Raise it when the same configuration gives other waveforms or metadata: it is part of the names of what is
# cached.
VERSION = 4
