"""The checker of certificates: proves both bounds again, with mathematics and code of its own.

It shares with the provers only the model and its loss.
"""

from optima.certify.check.invariant import InvariantVerification, verify_invariant
from optima.certify.check.verification import Verification
from optima.certify.check.verify import verify

__all__ = ["InvariantVerification", "Verification", "verify", "verify_invariant"]
