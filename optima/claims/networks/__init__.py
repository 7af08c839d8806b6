"""Claims of this project about relu networks: where collapse loses, what networks cost, and what none can undercut."""

from optima.claims.networks import bounds as bounds
from optima.claims.networks import codes as codes
from optima.claims.networks import depth_two_small as depth_two_small
from optima.claims.networks import edges as edges
from optima.claims.networks import kinks as kinks
from optima.claims.networks import prices as prices
from optima.claims.networks import subsets as subsets
from optima.claims.networks import thresholds as thresholds
