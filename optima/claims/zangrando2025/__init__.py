"""Claims of zangrando2025: collapse and low rank in networks with weight decay.

Its body was not read: the statements are ours, of the kind that its abstract announces.
"""

from optima.claims.zangrando2025 import forecast as forecast
from optima.claims.zangrando2025 import free_features as free_features
from optima.claims.zangrando2025 import rank_bound as rank_bound
