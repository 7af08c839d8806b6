"""Claims of sukenik2024, *Neural collapse vs. low-rank bias: Is deep neural collapse really optimal?*

The statements are those of its abstract and captions and of works that cite it, as this project restates them.
"""

from optima.claims.sukenik2024 import construction as construction
from optima.claims.sukenik2024 import nuclear_norm as nuclear_norm
from optima.claims.sukenik2024 import thresholds as thresholds
