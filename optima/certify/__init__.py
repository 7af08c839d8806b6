"""Lower bounds on the global minimum, with certificates that can be verified."""

from optima.certify.certificate import METHODS, Certificate
from optima.certify.prove import cheap_certificate, prove

__all__ = ["METHODS", "Certificate", "cheap_certificate", "prove"]
