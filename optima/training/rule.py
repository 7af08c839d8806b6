"""Update rules of gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optima.model.batched_network import Network
from optima.model.forward_backward import Factors
from optima.model.inputs import one_of, shown

DECAYS = ("coupled", "decoupled")


@dataclass(frozen=True)
class Rule:
    r"""Full-batch gradient descent on every factor W with learning rate eta.

    .. math::
        \text{plain:}\quad & W \leftarrow W - \eta\, (\nabla g + \lambda W) \\
        \text{coupled:}\quad & v \leftarrow \mu v + \nabla g + \lambda W, \quad W \leftarrow W - \eta v
        \quad (\text{Nesterov: } W \leftarrow W - \eta (\nabla g + \lambda W + \mu v)) \\
        \text{decoupled:}\quad & v \leftarrow \mu v + (1 - \mu) \nabla g, \quad
        W \leftarrow (1 - \eta \lambda) W - \eta v

    Plain is momentum mu = 0. Coupled decay is the regulariser of the objective inside the velocity (as in SGD
    with weight decay); decoupled decay keeps it outside (as in AdamW), with an averaged gradient, since a summed
    one would rest at the minima of another lambda. All three rest exactly at the stationary points of F.

    Raises ValueError unless 0 <= mu < 1; Nesterov's step needs coupled decay and mu > 0.
    """

    momentum: float = 0.0
    nesterov: bool = False
    decay: str = "coupled"

    def __post_init__(self) -> None:
        one_of("decay", self.decay, DECAYS)
        if isinstance(self.momentum, bool) or not isinstance(self.momentum, (int, float)):
            raise TypeError(f"momentum is {shown(self.momentum)}; pass a number of at least 0 and below 1")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {shown(self.momentum)}; pass a number of at least 0 and below 1")
        if self.nesterov and (self.decay != "coupled" or self.momentum == 0):
            raise ValueError("nesterov needs momentum above 0 and coupled decay; pass both, or no nesterov")

    def velocity(self, factors: Factors) -> Factors:
        """The velocity at the start: zero, or nothing for plain descent."""
        return [] if self.momentum == 0 else [0.0 * factor for factor in factors]

    def step(self, network: Network, factors: Factors, velocity: Factors, lr: Any, regs: Sequence[Any]) -> None:
        """One step, in place; ``lr`` and every one of ``regs`` have shape (R, 1, 1)."""
        mu, coupled = self.momentum, self.decay == "coupled"
        scale = lr if mu == 0 else 1.0 if coupled else 1 - mu
        for index, (change, reg) in enumerate(zip(network.data_gradients(factors, scale), regs, strict=True)):
            if mu == 0:
                factors[index] *= 1 - lr * reg
                factors[index] -= change
                continue
            if coupled:
                change += reg * factors[index]
            velocity[index] *= mu
            velocity[index] += change
            if not coupled:
                factors[index] *= 1 - lr * reg
            factors[index] -= lr * (change + mu * velocity[index] if self.nesterov else velocity[index])
