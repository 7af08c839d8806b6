"""The checker of certificates: proves both bounds again, with mathematics and code of its own.

It shares with the provers only the model and its loss.
"""

from optima.checker.invariant import InvariantVerification, verify_invariant
from optima.checker.passage import verify_passage
from optima.checker.verification import Verification
from optima.checker.verify import verify

__all__ = ["InvariantVerification", "Verification", "verify", "verify_invariant", "verify_passage"]
