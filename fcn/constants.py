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
