"""
Measuring every layer: collapse, ranks, bounds
==============================================

``measure`` takes a network and its data, and tells of every linear layer how far its features have collapsed and how
far its weights are from rank K.
"""

import numpy as np

import optima
from optima.measures import Layer

# %%
# Without torch pass arrays: features (samples, inputs) and weights of each layer. Here, two layers whose features
# collapse more and more.

rng = np.random.default_rng(1)
labels = np.repeat(np.arange(4), 50)
centres = 3 * rng.standard_normal((4, 16))
first = centres[labels] + 1.0 * rng.standard_normal((200, 16))
weights = rng.standard_normal((4, 16)) / 4
second = np.eye(4)[labels] + 0.02 * rng.standard_normal((200, 4))
layers = [Layer(first, weights), Layer(second, 5 * np.eye(4))]
optima.measure(layers, labels, logits=5 * second)

# %%
# Of a ``torch`` module it needs no arrays: the linear layers are found and measured in the order in which they act.

try:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4, bias=False))
    print(optima.measure(model, (torch.tensor(first, dtype=torch.float32), torch.tensor(labels)), reg=1e-3))
except ImportError as error:
    print("torch is not installed here, so that no module is measured:", error)
