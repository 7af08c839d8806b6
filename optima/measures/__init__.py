"""Whole networks: neural collapse of every layer, ranks with their bounds, and the nearest structure of the logits."""

from optima.measures.arrays import Layer
from optima.measures.beside import NetworkReport
from optima.measures.gradient import RankBound
from optima.measures.layer import LayerMeasures, LayerStream
from optima.measures.measure import measure
from optima.measures.recorder import Recorder, read_run
from optima.measures.result import Measures
from optima.measures.stream import MeasureStream

__all__ = [
    "Layer",
    "LayerMeasures",
    "LayerStream",
    "MeasureStream",
    "Measures",
    "NetworkReport",
    "RankBound",
    "Recorder",
    "measure",
    "read_run",
]
