"""Pictures of tables, ladders and several solutions: what they say, read off the figures."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import optima
from optima.atlas import here
from optima.phases import phase_diagram, training_diagram
from optima.plot import plot_codes, plot_ladder
from optima.plot.code import class_vectors, draw_sphere
from optima.plot.figure import Figure
from optima.plot.ranks import rank_colour


def words(axes):
    return [text.get_text() for text in axes.texts]


@pytest.fixture(scope="module")
def solutions():
    return [optima.solve(8, depth, 1e-3, effort="quick") for depth in (1, 3)]


def test_a_table_shows_winners_their_ranks_and_how_far_they_are_below_collapse():
    table = optima.LossTable((4, 6), (1, 3), 1e-3)
    figure = table.plot()
    (axes,) = figure.axes
    rows = table.to_pandas()
    assert len(axes.patches) == len(rows) == 4
    for (K, L, *_), row in rows.iterrows():
        place = (table.depths.index(L), table.classes.index(K))
        (said,) = (text.get_text() for text in axes.texts if text.get_position() == place)
        below = 100 * (1 - row["loss"] / row["loss_simplex"])
        assert said == (row["winner"] if row["winner"] == "simplex" else f"{row['winner']}\n{below:.2g} %")
        (patch,) = (each for each in axes.patches if each.get_xy() == (place[0] - 0.5, place[1] - 0.5))
        assert to_rgb(patch.get_facecolor()) == pytest.approx(rank_colour(row["rank"]))
        assert bool(patch.get_hatch()) == (row["winner"] == "simplex")


def test_networks_have_the_colour_of_their_least_hidden_layer():
    figure = optima.LossTable(3, (2, 4), (1e-3, 1e-2), loss="mse", activation="relu").plot()
    assert [axes.get_title() for axes in figure.axes] == [r"$\lambda = 0.001$, $n = 1$", r"$\lambda = 0.01$, $n = 1$"]
    for axes in figure.axes:
        assert words(axes)[0] == "collapse"
        assert words(axes)[1].startswith("triangle\n")
        assert to_rgb(axes.patches[1].get_facecolor()) == pytest.approx(rank_colour(2))
    assert "named network" in figure.get_suptitle().lower()


def test_a_table_without_winners_or_of_too_many_cells():
    figure = optima.LossTable((9, 10), 2, 1e-3, structures="srg-petersen").plot()
    assert sorted(words(figure.axes[0])) == ["none", "petersen"]
    with pytest.raises(ValueError, match="2,400 cells cannot be read"):
        optima.LossTable(range(2, 42), range(1, 61), 1e-3).plot()


def test_a_ladder_has_every_rung_and_fills_the_best(solutions):
    solution = solutions[1]
    (axes,) = plot_ladder(solution).axes
    drawn = {line.get_ydata()[0]: line for line in axes.lines if line.get_marker() == "o"}
    assert sorted(drawn) == [rung.rank for rung in solution.ladder if rung.rank > 1]
    filled = [rank for rank, line in drawn.items() if line.get_markerfacecolor() == "black"]
    assert filled == [solution.rank]
    collapse = solution.candidates["simplex"]
    assert drawn[solution.rank].get_xdata()[0] == pytest.approx(100 * (solution.loss / collapse - 1))
    assert drawn[7].get_xdata()[0] == pytest.approx(0, abs=1e-6)


def test_a_ladder_without_room_for_collapse_is_measured_from_the_best():
    (axes,) = plot_ladder(optima.solve(optima.DeepUFM(5, 2, 1e-3, width=2), effort="quick")).axes
    assert axes.get_xlabel() == "loss above that of the best minimum known (%)"


def test_solutions_side_by_side_say_what_differs_and_what_is_proved(solutions):
    figure = plot_codes(solutions)
    assert figure.get_suptitle() == r"Best minima known: $K = 8$, $\lambda = 0.001$, $n = 1$"
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["$L = 1$, rank 7\nsimplex, proved", "$L = 3$, rank 3\nsq. antiprism"]
    assert plot_codes(solutions[:1]).get_suptitle().startswith("Global minima (proved within 1 %): $K = 8$, $L = 1$")


def test_spheres_have_true_angles(solutions):
    axes = Figure().add_subplot(projection="3d")
    draw_sphere(axes, class_vectors(solutions[1].means, 3))
    spans = [np.ptp(limits()) for limits in (axes.get_xlim, axes.get_ylim, axes.get_zlim)]
    assert np.ptp(spans) == 0


def test_diagrams_need_no_file_and_plot_themselves(tmp_path):
    values = {"reg": (1e-3, 1e-1), "depth": (1, 2)}
    diagram = phase_diagram("reg", "depth", values, {"classes": 3}, effort="quick", certify=False, executors=here)
    diagram.plot(tmp_path / "phase.png", "structure")
    assert (tmp_path / "phase.png").stat().st_size > 0
    with pytest.raises(ValueError, match="colour"):
        diagram.plot(colour="size")
    trained = training_diagram(
        "width", "reg", {"width": (3, 4), "reg": (1e-2, 2e-2)}, {"classes": 3, "depth": 1}, seeds=1, executors=here
    )
    assert "P(simplex)" in trained.plot().axes[0].get_title()


def test_a_theorem_without_an_area_is_not_in_the_legend():
    values = {"reg": (1e-3, 1e-2), "depth": (2, 3)}
    for classes, named in ((4, False), (6, True)):
        fixed = {"classes": classes}
        diagram = phase_diagram("reg", "depth", values, fixed, effort="quick", certify=False, executors=here)
        legends = [text.get_text() for legend in diagram.plot().legends for text in legend.get_texts()]
        assert any("theorem 1" in text for text in legends) == named
