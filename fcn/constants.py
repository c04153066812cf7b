"""Physical and conventional constants, each defined once."""

EARTH_RADIUS_KM = 6371.0  # mean radius, rounded from IUGG R1 = 6371.0088 km
SECONDS_PER_HOUR = 3600.0

COMPONENTS_ZNE = ("Z", "N", "E")  # order of every waveform on a network; Z up, N, E
COMPONENTS_ZRT = (
    "Z",
    "R",
    "T",
)  # order in the base store; R away from the source, T 90 degrees clockwise of R

ENOUGH_STATIONS = 3  # that deliver: with fewer nothing can be located
# A station of which nothing has come for so long is not late: the migration network reads without it.
STOPPED_S = 10.0

# Shares of a seismic moment: a release is known by the times after origin at which they are out.
RELEASED = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
FIRST_S = 1.0  # of a stream, before which no window ends
