"""What is refused at once, on every machine: problems beyond floats, arrays beyond a planned memory, endless grids."""

from __future__ import annotations

from optima.model import DeepUFM
from optima.reduction import UNREGULARISED, Reduction, mean_reg

# Regularisations in which losses and their gradients keep their digits.
LEAST_REG, MOST_REG = 1e-300, 1e300
# GiB that one call may plan to use: a fixed number, so that the same call is refused on every machine.
ROOM = 64
# Matrices of K x K numbers that a search holds at once, measured from 1000 classes on.
SEARCH_MATRICES = 100
# Numbers of a relu network, or of a code of largest margin, that is searched, at most: Newton's method solves systems
# of this size.
MOST_NETWORK = 6000
# Regularisations between which descents of relu networks were tried: below, the ridge of the last layer loses digits.
LEAST_NETWORK_REG, MOST_NETWORK_REG = 1e-9, 1e3
# Copies of the factors and logits of a run that training holds at once.
RUN_COPIES = 4
# Numbers that a flow follows, at most: each step is kept, and factorises matrices of this many. And the logits of all
# samples, which it ends with.
MOST_FLOW, MOST_FLOW_LOGITS = 1_000_000, 100_000_000
# Predictions whose singular values of all layers a forecast holds, about.
PREDICTIONS = 100
# Classes up to which the margins of named structures are listed.
MOST_NAMED = 1_000_000
# Cells of a grid that are listed before the first one is solved.
MOST_CELLS = 1_000_000


def check_room(what: str, numbers: float, advice: str) -> None:
    """Raise ValueError, which ends with ``advice``, when so many floats take more than ``ROOM`` GiB."""
    need = 8 * numbers / 2**30
    if need > ROOM:
        raise ValueError(f"{what} needs about {need:.3g} GiB, and {ROOM} GiB are the limit; {advice}")


def check_named(classes: int) -> None:
    """Raise ValueError when named structures have too many margins."""
    if classes > MOST_NAMED:
        raise ValueError(f"classes is {classes}, and named structures have at most {MOST_NAMED}; pass fewer classes")


def check_classes(classes: int) -> None:
    """Raise ValueError when logits of so many classes are too large to be searched."""
    most = int((ROOM * 2**30 / 8 / SEARCH_MATRICES) ** 0.5)
    check_room(f"a search over {classes} classes", SEARCH_MATRICES * classes**2, f"pass at most {most} classes")


def check_searchable(problem: DeepUFM) -> None:
    """Raise ValueError when the search cannot hold the logits, or floats the losses, of a linear model."""
    check_classes(problem.classes)
    reduction = Reduction(problem)
    felt = reduction.strength * float(problem.class_sizes.max()) ** (reduction.exponent / 2)
    if not (reduction.reg >= LEAST_REG and felt <= MOST_REG):
        raise ValueError(
            f"the regularisation {reduction.reg:.3g} is beyond the range of the search; pass one from {LEAST_REG:g} to "
            f"{MOST_REG:g}, less in proportion to (L + 1) / 2 and the samples to the power 1 / (L + 1)"
        )


def check_code(classes: int, rank: int) -> None:
    """Raise ValueError when codes of margin one on a rank have too many numbers, in factors, to be searched."""
    size = 2 * classes * rank
    if size > MOST_NETWORK:
        raise ValueError(
            f"codes of {classes} classes and rank {rank} have {size} numbers to search, and {MOST_NETWORK} are the "
            "limit; pass fewer classes or a lower rank"
        )


def check_networks(problem: DeepUFM, size: int) -> None:
    """Raise ValueError when a search over relu networks of ``size`` numbers is too long, or floats cannot hold it."""
    if not problem.regularised:
        raise ValueError(UNREGULARISED)
    if size > MOST_NETWORK:
        raise ValueError(
            f"relu networks of {problem.classes} classes and depth {problem.depth} have {size} numbers to search, and "
            f"{MOST_NETWORK} are the limit; pass fewer classes, or a smaller depth or width"
        )
    reg = mean_reg(problem)
    if not LEAST_NETWORK_REG <= reg <= MOST_NETWORK_REG:
        raise ValueError(
            f"the regularisation {reg:.3g} is beyond the range of the search over relu networks; pass one from "
            f"{LEAST_NETWORK_REG:g} to {MOST_NETWORK_REG:g}"
        )


def check_cells(count: int, way_out: str = "pass fewer values") -> None:
    """Raise ValueError when a grid has more cells than are listed at once."""
    if count > MOST_CELLS:
        raise ValueError(f"the grid has {count} cells, and {MOST_CELLS} at once are the limit; {way_out}")


def check_trainable(problem: DeepUFM, runs: int = 1) -> None:
    """Raise ValueError when so many runs at once cannot be held, or what they are compared with not be found.

    A run keeps its factors, their gradient and velocity, and its logits with what they are made from.
    """
    width = problem.width or problem.classes
    factors = (problem.depth - 1) * width**2 + width * (problem.classes + problem.size)
    numbers = RUN_COPIES * runs * (factors + problem.classes * problem.size)
    what = f"training {runs} run" + "s" * (runs > 1)
    check_room(what, numbers, "pass fewer samples, classes or seeds, or a smaller width or depth")
    if any(problem.regs) and problem.activation == "linear":
        check_searchable(problem)


def check_flow(problem: DeepUFM, kind: str) -> None:
    """Raise ValueError when a flow of a kind (``"characters"``, ``"balanced"``, ``"factors"``) is too large."""
    K, L, d = problem.classes, problem.depth, problem.width or problem.classes
    layers = {"characters": L + 1, "balanced": (L + 1) * K, "factors": (L - 1) * d**2 + d * (K + problem.size)}[kind]
    for numbers, most in ((K**2 + layers, MOST_FLOW), (K * problem.size, MOST_FLOW_LOGITS)):
        if numbers > most:
            of = "numbers" if most == MOST_FLOW else "logits of samples"
            raise ValueError(
                f"a flow of {K} classes, {problem.size} samples and depth {L} has {numbers} {of} to follow, and {most} "
                "are the limit; pass fewer classes or samples, or a smaller depth or width"
            )


def check_factors(problem: DeepUFM) -> None:
    """Raise ValueError when the factors of a network at given logits, or what enters its layers, cannot be held."""
    K, N, L, d = problem.classes, problem.size, problem.depth, problem.width or problem.classes
    numbers = (L - 1) * d**2 + d * (K + N) + (L - 1) * d * N + K * N
    check_room("the network at these logits", numbers, "pass fewer classes or samples, or a smaller depth or width")


def check_layers(problem: DeepUFM) -> None:
    """Raise ValueError when the singular values of all layers, of every prediction, cannot be held."""
    numbers = PREDICTIONS * (problem.depth + 1) * problem.classes
    check_room(f"a forecast of {problem.depth} layers", numbers, "pass fewer classes or a smaller depth")
