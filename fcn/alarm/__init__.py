"""The alarm: the rules by which estimates of single windows become declared events and their updates.

Everything is counted in seconds of the stream, nothing in windows: a rule means the same however often the
stream is read, in validation, in a test and live.
"""
