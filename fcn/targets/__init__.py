"""What the network is asked for: each target encoded beside the function that decodes it."""
