"""What a training sees: recombined windows, alone, through a network, and beside events simulated whole."""
