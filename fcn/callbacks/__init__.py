"""What a run leaves behind besides its weights."""
