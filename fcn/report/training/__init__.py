"""The report of one training: curves and validations."""
