"""The live engine: packets in, updates of declared events out.

Causal, deterministic, of bounded memory; it knows no Lightning and nothing that trains.
"""
