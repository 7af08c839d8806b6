"""Lower bounds on the global minimum, with certificates that can be verified.

`optima.solve` gives every solution a cheap certificate by `cheap_certificate`; `optima.certify` proves more. Nothing
here imports the search.
"""

from optima.proofs.certificate import METHODS, Certificate
from optima.proofs.prove import cheap_certificate, prove

__all__ = ["METHODS", "Certificate", "cheap_certificate", "prove"]
