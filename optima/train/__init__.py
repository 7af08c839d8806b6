"""Gradient descent on all parameters, and what it ended at."""

from optima.train.compare import Comparison, Share, predict
from optima.train.polish import Polished
from optima.train.rule import Rule
from optima.train.run import Run
from optima.train.trainer import Progress, Training, train

__all__ = ["Comparison", "Polished", "Progress", "Rule", "Run", "Share", "Training", "predict", "train"]
