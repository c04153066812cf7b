"""Simulated ground motion, floor by floor: each room imports only from those below it.

kumamoto: the 2016 sequence at real sites; ensemble: base records of many Earths, for a store;
sequence: hours of a network, in a given or a drawn region; recording: noise, instruments, telemetry;
path: Earth, scattering and sites between source and station; source: earthquakes; threads.
"""

# Raise it when the same configuration gives other waveforms or metadata: it is part of the names of what is
# cached.
VERSION = 5
NETWORK = "SY"  # FDSN's network code for synthetic seismograms
