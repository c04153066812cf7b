"""Simulated ground motion: sources, scattering, sites, noise, instruments, records and whole sequences."""
