"""Why deep relu heads fall to zero: not because of lambda, but of how small their first weights are.

Zero logits are a minimum of the model at every lambda, as soon as the head has two matrices. Prints, for relu heads of
depth 4 and 5, up to which lambda a named network is known to cost less than zero logits, log K, against the one that is
trained with; and how many of ten seeds end there on an MLP from the first weights of torch and from He's:

    python examples/real_zero.py
"""

from collections.abc import Sequence

import numpy as np
import real_rows
import small_networks
import torch
from small_networks import CLASSES, network, samples, train

import optima

# Bisections in log2 of lambda, from an interval that is twenty long.
HALVINGS = 16


def threshold(depth: int) -> float:
    """The largest lambda, to four digits, at which a named relu network costs less than log K."""
    low, high = -16.0, 4.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        reg = 2.0**middle
        regs = (*[reg] * depth, reg / small_networks.SAMPLES)
        best = optima.forecast(small_networks.SAMPLES, depth, regs, classes=CLASSES, activation="relu").best
        low, high = (middle, high) if best.loss < np.log(CLASSES) * (1 - 1e-9) else (low, middle)
    return 2.0**low


def at_zero(setup: real_rows.Setup, depth: int, he: bool) -> int:
    """How many seeds are left with logits that do not tell a class, half of log K or more being what they cost."""
    models = [network(setup.data, setup.body, "relu", depth, seed, he) for seed in range(setup.seeds)]
    train(models, setup.data, real_rows.REG[setup.decay], setup.decay == "UFM-style", setup.steps)
    x, labels = samples(setup.data)
    with torch.no_grad():
        losses = [float(torch.nn.functional.cross_entropy(model(x), labels)) for model in models]
    return sum(loss > np.log(CLASSES) / 2 for loss in losses)


def main(setups: Sequence[real_rows.Setup] = real_rows.SETUPS[:1], depths: Sequence[int] = (4, 5)) -> None:
    """A line for each depth."""
    for depth in depths:
        counts = [
            f"{setup.data} {setup.body} {at_zero(setup, depth, False)} and {at_zero(setup, depth, True)}"
            for setup in setups
        ]
        print(
            f"depth {depth}: zero is not the optimum up to lambda {threshold(depth):.4g}, trained with "
            f"{real_rows.REG['UFM-style']:.4g}; of {setups[0].seeds} seeds at zero from torch's weights and from He's: "
            + ", ".join(counts),
            flush=True,
        )


if __name__ == "__main__":
    main()
