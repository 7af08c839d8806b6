"""Small networks on digits and mnist1d, several seeds trained side by side as one batched computation."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

CLASSES, SAMPLES, WIDTH, HIDDEN, CHANNELS = 10, 10, 32, 64, 6
RATE = 1e-2


@cache
def samples(data: str) -> tuple[Any, Any]:
    """The first samples of each class, class after class, centred and scaled: (N, 1, 8, 8) or (N, 1, 40)."""
    if data == "digits":
        from sklearn.datasets import load_digits

        x, labels = load_digits(return_X_y=True)
        x = x.reshape(-1, 1, 8, 8) / 16
    else:
        from mnist1d.data import get_dataset_args, make_dataset

        options = get_dataset_args()
        # Made here, not downloaded.
        options.num_samples, options.train_split = 2 * CLASSES * SAMPLES, 1.0
        made = make_dataset(options)
        x, labels = made["x"][:, None], made["y"]
    chosen = np.concatenate([np.flatnonzero(labels == c)[:SAMPLES] for c in range(CLASSES)])
    x = x[chosen]
    return torch.tensor((x - x.mean(axis=0)) / x.std(), dtype=torch.float32), torch.tensor(labels[chosen])


def network(data: str, body: str, head: str, depth: int, seed: int, he: bool = True) -> nn.Sequential:
    """Body and head in sequence; the head has no biases, and relus between its layers if it is a relu one.

    A relu head starts with He's weights; those of torch (``he=False``) are sqrt(6) times smaller, and deep heads fall
    to zero from them (real_zero.py).
    """
    torch.manual_seed(seed)
    shape = tuple(samples(data)[0].shape[1:])
    layers: list[nn.Module] = []
    for a, b in pairwise([WIDTH] * depth + [CLASSES]):
        linear = nn.Linear(a, b, bias=False)
        if head == "relu" and he:
            nn.init.kaiming_normal_(linear.weight)
        layers += [nn.ReLU()] * (head == "relu" and bool(layers)) + [linear]
    return nn.Sequential((mlp if body == "MLP" else resnet)(shape), nn.Sequential(*layers))


def mlp(shape: tuple[int, ...]) -> nn.Module:
    """Two hidden layers of relus."""
    sizes = (int(np.prod(shape)), HIDDEN, HIDDEN, WIDTH)
    layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def resnet(shape: tuple[int, ...]) -> nn.Module:
    """A convolution, two blocks with skip connections and batch normalisation, the mean of the maps, and a matrix."""
    axes, side = len(shape) - 1, shape[-1]
    # To 4 x 4 or 10 places.
    step = 2 if axes == 2 else 4
    return nn.Sequential(
        convolution(axes, shape[0], CHANNELS, 2 * step - 1, step, side), norm(axes, CHANNELS), nn.ReLU(),
        Block(axes, CHANNELS, CHANNELS, 1, side // step), Block(axes, CHANNELS, 2 * CHANNELS, 2, side // step),
        nn.Flatten(2), Mean(), nn.Linear(2 * CHANNELS, WIDTH),
    )  # fmt: skip


class Mean(nn.Module):
    """Over the places of a map."""

    def forward(self, x: Any) -> Any:
        """Maps (b, c, places) to (b, c)."""
        return x.mean(dim=2)


class Block(nn.Module):
    """Two convolutions and a skip connection, which is one too where sizes change."""

    def __init__(self, axes: int, a: int, b: int, stride: int, side: int) -> None:
        super().__init__()
        after = -(-side // stride)
        self.first = nn.Sequential(convolution(axes, a, b, 3, stride, side), norm(axes, b), nn.ReLU())
        self.second = nn.Sequential(convolution(axes, b, b, 3, 1, after), norm(axes, b))
        same = (a, stride) == (b, 1)
        self.skip = nn.Identity() if same else nn.Sequential(convolution(axes, a, b, 1, stride, side), norm(axes, b))

    def forward(self, x: Any) -> Any:
        """ReLU of both ways added."""
        return (self.second(self.first(x)) + self.skip(x)).relu()


def convolution(axes: int, a: int, b: int, kernel: int, stride: int, side: int) -> Any:
    """A convolution of maps (a, side, ...) without bias that acts as one matrix: on few places that is faster."""

    class Dense(getattr(nn, f"Conv{axes}d")):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(a, b, kernel, stride, kernel // 2, bias=False)
            # A place in and a place out share one entry of the kernel, or none: its number, from one, or zero.
            numbers = torch.arange(1.0, self.weight.numel() + 1).reshape(self.weight.shape)
            eye = torch.eye(a * side**axes)
            found = self._conv_forward(eye.reshape(-1, a, *[side] * axes), numbers, None)
            self.size, self.entries = found.shape[1:], found.flatten(1).round().long()

        def forward(self, x: Any) -> Any:
            weights = torch.cat([x.new_zeros(1), self.weight.flatten()])
            return (x.flatten(1) @ weights[self.entries]).reshape(len(x), *self.size)

    return Dense()


def norm(axes: int, channels: int) -> Any:
    """Batch normalisation whose running statistics are those of the last batch, and kept only where ``keep`` is set."""

    class Norm(getattr(nn, f"BatchNorm{axes}d")):  # type: ignore[misc]
        keep = False

        def forward(self, x: Any) -> Any:
            if not self.training:
                return super().forward(x)
            flat = x.flatten(1)
            by_channel = lambda each: each.reshape(channels, -1).mean(dim=1)
            mean = by_channel(flat.mean(dim=0))
            variance = by_channel(flat.square().mean(dim=0)) - mean.square()
            if self.keep:
                self.running_mean, self.running_var = mean.detach(), variance.detach()
            scale = self.weight * (variance + self.eps).rsqrt()
            spread = lambda each: each[:, None].expand(channels, flat.shape[1] // channels).reshape(-1)
            return torch.addcmul(spread(self.bias - scale * mean), flat, spread(scale)).reshape(x.shape)

    return Norm(channels)


def train(models: Sequence[nn.Sequential], data: str, reg: float, ufm: bool, steps: int) -> None:
    """Full-batch Adam; its weight_decay adds lambda W to the gradient, as lambda |W|^2 / 2 in the loss does.

    The models differ in their weights only, and none has to do with another: the loss is the sum of theirs, and Adam
    treats every number by itself.
    """
    x, labels = samples(data)
    bodies, heads = zip(*models, strict=True)
    (body, buffers), (head, _) = (stack_module_state(parts) for parts in (bodies, heads))
    features_of = vmap(lambda own, kept: functional_call(bodies[0], (own, kept), (x,)))
    logits_of = vmap(lambda own, features: functional_call(heads[0], own, (features,)))
    everything = [*body.values(), *head.values()]
    # One axis more, that of the seeds.
    decayed = [each for each in (head.values() if ufm else everything) if each.ndim > 2]
    others = [each for each in everything if all(each is not other for other in decayed)]
    groups = [{"params": decayed, "weight_decay": reg}, {"params": others}]
    optimiser = torch.optim.Adam(groups, lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    owner = labels.repeat(len(models))
    for _ in range(steps):
        optimiser.zero_grad()
        features = features_of(body, buffers)
        logits = logits_of(head, features)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), owner, reduction="sum") / len(x)
        if ufm:
            loss = loss + reg / (2 * SAMPLES) * features.square().sum()
        loss.backward()
        optimiser.step()
        schedule.step()
    for number, model in enumerate(models):
        for part, state in zip(model, (body, head), strict=True):
            part.load_state_dict({name: value[number] for name, value in state.items()}, strict=False)
        settle(model, x)


def settle(model: nn.Module, x: Any) -> None:
    """Running statistics of batch normalisation: those of all samples, so that evaluation sees what training saw."""
    norms = [part for part in model.modules() if hasattr(part, "keep")]
    for part in norms:
        part.keep = True
    with torch.no_grad():
        model.train()(x)
    for part in norms:
        part.keep = False
    model.eval()
