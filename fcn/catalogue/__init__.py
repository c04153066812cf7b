"""Events, estimates and catalogues, and their files."""
