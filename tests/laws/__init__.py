"""What the laws are tried on: tables of cases by family, and the functions that need none, each with why.

A key of a table is a module below ``dlcore``; in it, names that share their arguments stand together, and what follows
a colon tells the cases of one function apart.
"""

from tests.laws.exemptions import EXEMPT, KINDS, ROOMS
from tests.laws.functions import FUNCTIONS
from tests.laws.methods import METHODS
from tests.laws.networks import NETWORKS
from tests.laws.objects import OBJECTS

CASES = FUNCTIONS | OBJECTS | METHODS | NETWORKS

__all__ = ["CASES", "EXEMPT", "KINDS", "ROOMS"]
