"""Which structure wins where: diagrams over a plane of problems, by search and by training, and the ties between."""

from optima.phases.diagram import Diagram, phase_diagram
from optima.phases.networks import network_diagram
from optima.phases.training_diagram import TrainingCell, TrainingDiagram, training_diagram

__all__ = ["Diagram", "TrainingCell", "TrainingDiagram", "network_diagram", "phase_diagram", "training_diagram"]
