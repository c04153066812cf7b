"""Base records of many Earths: what a store is simulated from."""
