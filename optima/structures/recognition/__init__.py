"""Recognition of structures: the name of class-mean logits, or what can be said of them without one."""

from optima.structures.recognition.recognise import recognise
from optima.structures.recognition.result import Recognition

__all__ = ["Recognition", "recognise"]
