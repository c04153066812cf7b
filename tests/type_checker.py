"""beartype as the test suite uses it: an int is welcome where a float is, as PEP 484 says."""

from beartype import BeartypeConf
from beartype import beartype as _beartype

beartype = _beartype(conf=BeartypeConf(is_pep484_tower=True))
