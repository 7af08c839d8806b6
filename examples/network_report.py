"""A page about a network: a collapsed one and an ordinary one, trained on scikit-learn's digits.

The five lines that an engineer needs are in :func:`page`. Writes report_collapsed.html and report_ordinary.html beside
this file; needs torch and scikit-learn:

    python examples/network_report.py
"""

from pathlib import Path
from typing import Any

import optima

HERE = Path(__file__).parent
REG = 2e-3


def page(model: Any, loader: Any, path: Path, reg: Any, feature_reg: float | None = None) -> Any:
    """Measure a model on a data loader, say it in the terminal, and write the page."""
    found = optima.measure(model, loader, reg=reg)  # reg is the weight_decay of the training
    report = found.report(feature_reg=feature_reg)
    print(report)
    report.page(path)
    return report


def loader(samples: int) -> Any:
    """Batches of digits and their classes."""
    import torch
    from sklearn.datasets import load_digits

    x, labels = load_digits(return_X_y=True)
    data = torch.utils.data.TensorDataset(
        torch.tensor(x[:samples] / 16, dtype=torch.float32), torch.tensor(labels[:samples])
    )
    return torch.utils.data.DataLoader(data, batch_size=100)


def trained(batches: Any, epochs: int, feature_reg: float = 0.0, seed: int = 0) -> Any:
    """Two hidden layers of relus and a linear head of two matrices; decay on all weights, or on head and features."""
    import torch
    from torch.nn import Linear, ReLU, Sequential

    torch.manual_seed(seed)
    body = Sequential(Linear(64, 128), ReLU(), Linear(128, 64), ReLU(), Linear(64, 32))
    head = Sequential(Linear(32, 32, bias=False), Linear(32, 10, bias=False))
    model = Sequential(body, head)
    decayed = [parameter for parameter in (head if feature_reg else model).parameters() if parameter.ndim == 2]
    others = [parameter for parameter in model.parameters() if all(parameter is not each for each in decayed)]
    optimiser = torch.optim.Adam([{"params": decayed, "weight_decay": REG}, {"params": others}], lr=3e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * len(batches))
    for _ in range(epochs):
        for x, y in batches:
            optimiser.zero_grad()
            features = body(x)
            loss = torch.nn.functional.cross_entropy(head(features), y)
            # The mean over all N samples of N lambda_H |x|^2 / 2.
            penalty = len(batches.dataset) * feature_reg / 2 * features.square().sum(dim=1).mean()
            (loss + penalty).backward()
            optimiser.step()
            schedule.step()
    return model


def main(folder: Path = HERE, samples: int = 300, epochs: tuple[int, int] = (800, 30)) -> None:
    """One whose features are penalised, trained for long; and one as usual, where the page reads lambda_H off."""
    batches = loader(samples)
    feature_reg = REG / 30
    head = {"1.0": REG, "1.1": REG}
    page(trained(batches, epochs[0], feature_reg), batches, folder / "report_collapsed.html", head, feature_reg)
    page(trained(batches, epochs[1]), batches, folder / "report_ordinary.html", REG)


if __name__ == "__main__":
    main()
