"""Real networks beside the free-features model: heads of depth 1 to 5 on MLPs and small ResNets.

Trains on scikit-learn's digits (8 x 8 pixels) and on mnist1d (40 points), ten classes, 10 samples of each, with linear
and relu heads, ten seeds, and two kinds of decay: UFM-style, on the head's weights and the features it sees, and
standard, on all weights. The matching model with free features has the decay of the head; with standard decay, where
features have none, it has the lambda_H that makes the first head matrix and the features balanced, lambda |W_1|^2 =
lambda_H |H|^2, as read off the trained network. That model is also descended from the network: from the mean logits of
linear heads, and from the head and its features of relu heads, to a critical point. The loss there above the prediction
is that of another minimum, and the rest of what a network lies above the prediction is left to its body and to
unfinished training.

Writes beside this file real_networks.csv (a row for each network), real_networks.layers.csv (a row for each weight
matrix), real_networks.logits.csv (mean logits of the first seeds, found and predicted), and pictures of them: one for
each decay, and of the logits.
Networks that have a row are not trained again: what was cut off goes on. Needs torch, scikit-learn and mnist1d, and
about half an hour of one core:

    python examples/real_networks.py
    python examples/real_networks.py --again    # forgets the rows and trains all
    python examples/real_networks.py --draw     # only draws the rows
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from real_figure import draw
from real_logits import draw_means
from real_overview import overview
from real_rows import DEPTHS, SETUPS, Rows, Setup, group, of
from real_tables import bounds, place, read, summary, write

HERE = Path(__file__).parent
TABLES = ("real_networks.csv", "real_networks.layers.csv", "real_networks.logits.csv")


def groups(setups: Sequence[Setup], depths: Iterable[int]) -> Iterator[tuple[Setup, str, int, range]]:
    """All that is trained side by side; a relu head of depth one has no relu."""
    for head, setup, depth in product(("relu", "linear"), setups, depths):
        if (head, depth) != ("relu", 1):
            yield setup, head, depth, range(setup.seeds)


def main(folder: Path = HERE, setups: Sequence[Setup] = SETUPS, depths: Iterable[int] = DEPTHS) -> None:
    """Train and measure the networks without a row unless only the pictures are wanted, and draw."""
    tables = [folder / name for name in TABLES]
    known = "--again" not in sys.argv and all(map(Path.exists, tables))
    rows: Rows = tuple(map(read, tables)) if known else ([], [], [])
    for setup, head, depth, seeds in groups(setups, depths) if "--draw" not in sys.argv else ():
        same = lambda row, setup=setup, head=head, depth=depth: (
            of(setup, row) and (row["head"], row["depth"]) == (head, depth)
        )
        done = {row["seed"] for row in rows[0] if same(row)}
        if missing := [seed for seed in seeds if seed not in done]:
            # What was cut off while tables were written may have left rows in the others.
            kept = [[row for row in table if not (same(row) and row["seed"] in missing)] for table in rows]
            rows = tuple(old + new for old, new in zip(kept, group(setup, head, depth, missing), strict=True))
            # Networks last: their rows say what is done.
            for path, own in reversed(list(zip(tables, rows, strict=True))):
                write(path, sorted(own, key=place))
    rows = tuple(map(read, tables))
    print(summary(*rows[:2]))
    print(bounds(rows[1]))
    print(overview(*rows[:2]))
    draw(*rows, folder)
    draw_means(rows[0], rows[2], folder)


if __name__ == "__main__":
    main()
