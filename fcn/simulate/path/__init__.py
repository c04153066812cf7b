"""From source to ground: rays, attenuation, scattering, sites, and what a network on a crust feels."""
