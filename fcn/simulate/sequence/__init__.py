"""Simulated sequences: some minutes or hours of a network, as an ordinary archive."""
