"""How a network is trained (objectives) and read (readers): one scheme of both per kind of network."""
