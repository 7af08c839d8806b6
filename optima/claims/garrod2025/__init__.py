"""Claims of garrod2025, *The Persistence of Neural Collapse Despite Low-Rank Bias*."""

from optima.claims.garrod2025 import appendix as appendix
from optima.claims.garrod2025 import lemma1 as lemma1
from optima.claims.garrod2025 import proposition1 as proposition1
from optima.claims.garrod2025 import theorem1 as theorem1
from optima.claims.garrod2025 import theorem2 as theorem2
from optima.claims.garrod2025 import theorem3 as theorem3
from optima.claims.garrod2025 import theorem4 as theorem4
from optima.claims.garrod2025 import theorem5 as theorem5
from optima.claims.garrod2025 import theorem6 as theorem6
from optima.claims.garrod2025 import theorem7 as theorem7
