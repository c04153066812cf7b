"""How strongly the ground shakes at a place: expected from a source, observed nearby, and warned of.

Peak motion of published models (`ground_motion`), scales of intensity (`intensity`), sites (`site`); what a
source estimate lets expect (`expected`); the intensity of records, exact (`jma`) and in real time
(`real_time`, of a station's traces: `observed`); what neighbours observe (`plum`); warnings of sites
(`site_warnings`), of stations as sites (`apart`), and how good they were (`score`), by what was felt
(`recorded`). Formulas and references: docs/shaking.md.
"""
