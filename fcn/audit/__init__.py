"""Is a recombined event like an earthquake? The same event simulated whole, measures, telling them apart."""
