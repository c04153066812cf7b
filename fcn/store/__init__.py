"""Base store: single-station records in SeisBench format, their importers and splits."""
