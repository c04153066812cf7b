"""Batches, continuous sequences and the LightningDataModule that serves both."""
