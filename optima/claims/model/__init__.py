"""Claims about the model itself: reduction, structures, scales, limits and bounds."""

from optima.claims.model import bounds as bounds
from optima.claims.model import dimension as dimension
from optima.claims.model import ladder as ladder
from optima.claims.model import limits as limits
from optima.claims.model import reduction as reduction
from optima.claims.model import squared_error as squared_error
from optima.claims.model import structures as structures
