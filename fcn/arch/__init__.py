"""Networks; they see torch alone, and every one returns a `Prediction`."""
