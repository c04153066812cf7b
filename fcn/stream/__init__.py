"""From continuous streams to declared events."""
