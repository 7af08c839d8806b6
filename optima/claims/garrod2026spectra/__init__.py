"""Claims of garrod2026spectra, *Unifying Low Dimensional Observations in Deep Learning*, and what follows them."""

from optima.claims.garrod2026spectra import cross_entropy as cross_entropy
from optima.claims.garrod2026spectra import last_layer as last_layer
from optima.claims.garrod2026spectra import relu as relu
from optima.claims.garrod2026spectra import theorem4_1 as theorem4_1
from optima.claims.garrod2026spectra import theorem4_2 as theorem4_2
from optima.claims.garrod2026spectra import theorem4_3 as theorem4_3
from optima.claims.garrod2026spectra import theorem4_4 as theorem4_4
from optima.claims.garrod2026spectra import whole as whole
