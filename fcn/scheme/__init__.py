"""How a network is trained and read: losses beside the decoding, one scheme per kind of network."""
