"""Where relu networks come to rest: at kinks, so that the gradient does not vanish."""

from dataclasses import replace

import numpy as np

from optima import DeepUFM
from optima.model.arrays import Backend
from optima.training import Rule
from optima.training.descent import Descent, Settings, Trial
from optima.training.initial import Initialisation
from optima.workers.threads import Crew

RELU = DeepUFM(4, 3, 2**-9, 5, width=12, activation="relu")
STEPS = 6000


def descend(problem, lr, factors):
    """Where descent is after some steps, and its gradient relative to the pull of the penalty."""
    descent = Descent([Trial(problem, lr, 0)], Settings(STEPS, Rule(), 1e-9, False), Backend(), Crew())
    descent.begin([factors])
    descent.advance(STEPS)
    return [factor[0] for factor in descent.batch], float(descent._facts()["relative_gradient"][0])


def share_at_zero(factors, close=1e-5):
    """Of the inputs of the first hidden layer."""
    return np.mean(np.abs(factors[0] @ factors[-1]) < close)


def test_smaller_steps_come_closer_to_the_kinks_and_to_no_smaller_gradient():
    coarse, _ = descend(RELU, 0.5, Initialisation(RELU).factors(0))
    fine, gradient = descend(RELU, 0.005, coarse)
    assert share_at_zero(coarse) < 0.25 < share_at_zero(fine)
    assert gradient > 5e-2


def test_the_linear_model_has_no_kinks():
    linear = replace(RELU, activation="linear")
    end, gradient = descend(linear, 0.5, Initialisation(linear).factors(0))
    assert share_at_zero(end) == 0
    assert gradient < 1e-2
