"""Training losses: one term per branch, and their weighting."""
