"""Generalised earthquake early warning with fully convolutional networks."""

__version__ = "0.1.0.dev0"
