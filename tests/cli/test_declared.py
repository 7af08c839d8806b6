"""Options as commands declare them: read from text, in groups, and shown with the defaults that one would type."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import typer
from typer.main import get_command

from optima.cli.declared import as_command, choice, integer, integers, number


@dataclass(frozen=True)
class Weights:
    panel: ClassVar[str] = "Weights"

    depth: Annotated[int, integer("Depth.")]
    reg: Annotated[float, number("Lambda.")] = 1e-5


def called(*arguments):
    """What a command with one option of each kind is given."""
    found = {}

    def command(
        classes: Annotated[tuple[int, ...], integers("Classes.", least=2)] = (10,),
        losses: Annotated[list[str] | None, choice("Losses.", "ce", "mse", several=True)] = None,
        seed: Annotated[int | None, integer("Seed.", least=0)] = None,
        *,
        weights: Weights,
    ):
        found.update(classes=classes, losses=losses, seed=seed, weights=weights)

    app = typer.Typer()
    app.command()(as_command(command))
    made = get_command(app)
    with made.make_context("x", list(arguments)) as context:
        made.invoke(context)
    return found, made


def test_options_are_read_and_groups_are_made():
    found, _ = called("--depth", "3", "--classes", "2:4,9", "--losses", "mse", "--losses", "ce", "--seed", "0")
    assert found == {"classes": [2, 3, 4, 9], "losses": ["mse", "ce"], "seed": 0, "weights": Weights(3, 1e-5)}


def test_defaults_are_read_as_if_they_were_typed():
    found, made = called("--depth", "1")
    assert found == {"classes": [10], "losses": None, "seed": None, "weights": Weights(1)}
    assert [option.default for option in made.params if option.name in ("classes", "reg")] == ["10", "1e-5"]


def test_options_of_a_group_are_in_its_panel():
    _, made = called("--depth", "1")
    panels = {option.name: option.rich_help_panel for option in made.params if option.name != "help"}
    assert panels["depth"] == panels["reg"] == "Weights"
    assert panels["classes"] is None


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--classes", "1"), "classes is 1; pass an integer of at least 2"),
        (("--losses", "hinge"), "losses is 'hinge'; pass one of 'ce', 'mse'"),
        (("--reg", "0"), "reg is 0; pass a positive finite number"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_under_the_name_of_the_option(option, sentence):
    with pytest.raises(ValueError, match=sentence):
        called("--depth", "1", *option)
