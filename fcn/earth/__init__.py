"""The Earth: velocity models, travel times, Green's functions."""
