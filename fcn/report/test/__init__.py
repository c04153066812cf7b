"""The report of one replayed sequence: result, errors, map, misses."""
