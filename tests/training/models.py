"""Random models for the tests of training."""

from hypothesis import strategies as st

from optima import DeepUFM


@st.composite
def problems(draw, losses=("ce", "mse"), activations=("linear", "relu"), regs=(1e-5, 1.0), most_classes=5):
    """Models with small K, L, d and n: one reg or one per factor, classes of equal size or not."""
    classes, depth = draw(st.integers(2, most_classes)), draw(st.integers(1, 4))
    reg, sizes = st.floats(*regs), st.integers(1, 3)
    return DeepUFM(
        classes=classes,
        depth=depth,
        reg=draw(reg | st.lists(reg, min_size=depth + 1, max_size=depth + 1)),
        samples=draw(sizes | st.lists(sizes, min_size=classes, max_size=classes)),
        width=draw(st.integers(1, 7)),
        loss=draw(st.sampled_from(losses)),
        activation=draw(st.sampled_from(activations)),
    )


def random_factors(problem, rng, scale=0.8):
    """Gaussian factors of the shapes of a model."""
    d, samples = problem.width, problem.labels.size
    shapes = [(d, d)] * (problem.depth - 1) + [(problem.classes, d), (d, samples)]
    return [rng.normal(scale=scale, size=shape) for shape in shapes]
