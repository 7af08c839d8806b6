"""Solutions that several tests of the atlas share."""

import numpy as np
import pytest

from optima import DeepUFM, solve


@pytest.fixture(scope="session")
def solution():
    """K = 4, L = 3: pairs."""
    return solve(DeepUFM(4, 3, 2**-10), effort="quick")


@pytest.fixture(scope="session")
def grid():
    """Two kinds of cells, each a small grid."""
    return [DeepUFM(K, L, reg) for K in (4, 5) for L in (2, 3) for reg in np.geomspace(1e-4, 1e-2, 3).tolist()]
