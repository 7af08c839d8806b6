"""Theorems as checks: each with its domain, a verdict, and a false neighbour that the same check refutes.

To state a claim of your own, decorate a generator of evidence with :func:`claim`; see examples/my_claims.py.
"""

from optima.claims.claim import Claim, Control, claim
from optima.claims.evidence import Cases, Grid, Lines, Proof, Remark, Table, Undecided, agreement
from optima.claims.run import Outcome, run, run_all, write_counterexample
from optima.claims.select import claims_of, library, read_file
from optima.claims.verdict import Finding

__all__ = [
    "Cases",
    "Claim",
    "Control",
    "Finding",
    "Grid",
    "Lines",
    "Outcome",
    "Proof",
    "Remark",
    "Table",
    "Undecided",
    "agreement",
    "claim",
    "claims_of",
    "library",
    "read_file",
    "run",
    "run_all",
    "write_counterexample",
]
