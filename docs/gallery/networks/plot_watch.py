"""
Measures while a network trains
===============================

A recorder measures a network at steps 0, 1, 2, ... and ten times for each factor of ten, and keeps everything in one
file that is whole after every record.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import optima
from optima.measures import read_run

try:
    import torch
except ImportError:
    raise SystemExit("a recorder follows a torch module; pip install torch") from None

# %%
# A small network on four Gaussian classes.

torch.manual_seed(0)
labels = torch.arange(4).repeat_interleave(40)
inputs = 2 * torch.randn(4, 10)[labels] + torch.randn(160, 10)
layers = torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4, bias=False)
model = torch.nn.Sequential(*layers)
optimiser = torch.optim.SGD(model.parameters(), lr=0.2, weight_decay=1e-3)

folder = tempfile.TemporaryDirectory()
run = Path(folder.name) / "run.json"
recorder = optima.Recorder(run, model, (inputs, labels), reg=1e-3)
for step in range(501):
    recorder(step)
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(model(inputs), labels).backward()
    optimiser.step()

# %%
# NC1 of the features that enter the last layer falls: they collapse to their class means.

records = read_run(run)
folder.cleanup()
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
steps = [record["step"] + 1 for record in records]
for number, line in enumerate(("--", "o-")):
    values = [record["layers"][number]["nc1_trace"] for record in records]
    axes.loglog(steps, values, line, color="#00204c", label=f"input of layer {number + 1}")
axes.set(xlabel="step + 1", ylabel="NC1: trace within classes / between them")
axes.set_title("Four Gaussian classes, a small network, weight decay 1e-3", fontsize=10)
axes.legend(frameon=False)
plt.show()

# %%
# While it trains ``optima watch run.json`` shows the records, and ``optima watch run.json --page run.html`` writes them
# as a page that loads itself again.
