"""Training and reading the migration network: anchors, the volumes about them, evidence, magnitude.

Training draws a few anchors per window, true and false, and a volume for each: coarse ones over the whole
network and fine ones anywhere in it. A stream's window is read in the same two passes: P picks that no
declared event explains anchor coarse volumes; where those hold evidence, and for the declared events that are
still followed, a fine volume about the peak gives the hypocentre.

`objective`, `anchors` and `training_volumes` train; `reader`, `hypotheses` and `picks` read; both stand on
`migrate`, `volume` and `amplitudes`. What reads never imports what trains (pyproject.toml).
"""
