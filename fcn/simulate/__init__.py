"""Simulated ground motion: sources, scattering, sites, noise, instruments, records and whole sequences."""

# Raise it when the same configuration gives other waveforms: it is part of the names of what is cached.
VERSION = 3
