"""How good a catalogue, a warning and an estimate are."""
