"""Gradient descent on all parameters, and what it ended at."""

from optima.training.compare import Comparison, Share, predict
from optima.training.polish import Polished
from optima.training.rule import Rule
from optima.training.run import Run
from optima.training.trainer import Progress, Training, train

__all__ = ["Comparison", "Polished", "Progress", "Rule", "Run", "Share", "Training", "predict", "train"]
