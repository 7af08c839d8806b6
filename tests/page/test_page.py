"""The interactive page: one file, everything in it, and a real browser that shows a cell."""

import csv
import io
import json
import re
import subprocess
from html import unescape

import numpy as np
import pytest
from matplotlib.colors import to_hex

from optima import DeepUFM, solve
from optima.atlas import Record
from optima.page import atlas_page as page
from optima.page.named import Named, named
from optima.plot.ranks import rank_colour
from optima.scales.losses import structure_losses


@pytest.fixture(scope="module")
def records():
    problems = [DeepUFM(K, L, reg) for K in (3, 6) for L in (2, 4) for reg in (1e-3, 1e-2)]
    problems += [DeepUFM(3, 2, 1e-3, samples=5, width=2), DeepUFM(3, 2, 1e-3, loss="mse")]
    return [Record.of(solve(problem, effort="quick"), certify=problem.classes == 3) for problem in problems]


@pytest.fixture(scope="module")
def networks():
    places = [(3, 2, 1e-3), (4, 4, 1e-3), (3, 2, 1.0)]
    problems = [DeepUFM(*place, loss="mse", activation="relu") for place in places]
    return [Record.of(solve(problem, effort="quick")) for problem in problems]


@pytest.fixture(scope="module")
def html(records):
    return page(records)


def data(html):
    return json.loads(re.search(r'<script type="application/json" id="atlas">(.*?)</script>', html, re.S)[1])


def test_every_cell_is_there(html, records):
    cells, said = data(html)["cells"], data(html)["said"]
    assert [cell["loss"] for cell in cells] == [record.loss for record in records]
    for cell, record in zip(cells, records, strict=True):
        A, B = np.array(cell["code"][0]), np.array(cell["code"][-1])
        assert np.allclose(A @ B.T, record.means, atol=1e-3)
        assert said[cell["kind"]] == record.kind
        assert (cell["lower"] is None) == (record.certificate is None)
        assert f"{cell['name']} {cell['match']}" == record.description


def test_prices_of_the_named_structures(html, records):
    said = data(html)["said"]
    for cell, record in zip(data(html)["cells"], records, strict=True):
        problem = record.problem
        prices = structure_losses(problem)
        collapse = prices.get({"ce": "simplex", "mse": "frame"}[problem.loss])
        assert cell["collapse"] == (None if collapse is None else pytest.approx(collapse.loss, rel=1e-11))
        ranks = [rank for rank, _, _ in cell["ladder"]]
        assert ranks == sorted(set(ranks))
        assert set(ranks) <= set(range(problem.max_rank + 1))
        for rank, name, loss in cell["ladder"]:
            assert prices[said[name]].structure.rank == rank
            assert loss == pytest.approx(prices[said[name]].loss, rel=1e-5)
        assert min(loss for _, _, loss in cell["ladder"]) == pytest.approx(record.named, rel=1e-5)


def test_every_network_is_there(networks):
    cells, said = data(page(networks))["cells"], data(page(networks))["said"]
    for cell, record in zip(cells, networks, strict=True):
        *hidden, logits = map(np.array, cell["layers"])
        assert cell["at"] == "loss=mse&activation=relu"
        assert cell["rank"] == record.network.middle_rank
        assert np.allclose(logits, record.means, atol=1e-3)
        for shown, layer in zip(hidden, record.network.layers, strict=False):
            # Neurons have another order on the page.
            assert np.allclose(np.sort(shown, axis=0), np.sort(layer, axis=0), atol=1e-3 * max(np.abs(layer).max(), 1))
        pairs = zip(record.network.ranks, record.network.feature_ranks, strict=False)
        assert cell["ranks"] == [list(pair) for pair in pairs]
        prices = structure_losses(record.problem)
        assert cell["collapse"] == pytest.approx(prices["collapse"].loss, rel=1e-11)
        assert min(loss for _, _, loss in cell["ladder"]) == pytest.approx(record.named, rel=1e-5)
        for rank, name, loss in cell["ladder"]:
            assert loss == pytest.approx(prices[said[name]].loss, rel=1e-5)
            assert (rank == 0) == (said[name] == "zero")
    assert "deep neural collapse" in said[cells[0]["shape"]]
    assert [cell["name"] for cell in cells] == ["collapse", "hinged-pairs", "zero"]
    named_ranks = {said[name]: rank for rank, name, _ in cells[1]["ladder"]}
    assert named_ranks == {"zero": 0, "fan": 2, "hinged-pairs": 3, "collapse": 4}


def test_unequal_classes_have_no_formula():
    priced, plain = named([DeepUFM(3, 2, 1e-3, samples=(3, 2, 1)), DeepUFM(3, 2, 1e-3, width=1)])
    assert priced == Named()
    # The simplex of three classes has rank two.
    assert plain.collapse is None
    assert plain.rungs


def test_networks_of_unequal_classes_have_one():
    problem = DeepUFM(4, 4, 1e-3, samples=(2, 2, 2, 1), loss="mse", activation="relu")
    (priced,) = named([problem])
    prices = structure_losses(problem)
    assert priced.collapse == pytest.approx(prices["collapse"].loss, rel=1e-12)
    assert [(rank, name) for rank, name, _ in priced.rungs] == [(3, "triangle(3)[n=2]+collapse(1)"), (4, "collapse")]
    assert all(loss == pytest.approx(prices[name].loss, rel=1e-12) for _, name, loss in priced.rungs)


def test_a_rank_has_one_colour(html, records):
    assert data(html)["colours"] == {
        str(rank): to_hex(rank_colour(rank)) for rank in {record.rank for record in records}
    }


def test_nothing_comes_from_the_network(html):
    assert not re.search(r"(src|href)=\"|@import|fetch\(|url\(", html)
    assert not re.search(r"https?://(?!www\.w3\.org)", html)


def test_names_cannot_end_the_script(records):
    import dataclasses

    evil = dataclasses.replace(records[0], description="</script><b>")
    assert data(page([evil]))["cells"][0]["name"] == "</script><b>"


def test_a_title_is_text_and_no_place_is_filled_twice(records):
    text = page(records[:1], title="</title><script>@DATA@@STYLE@")
    assert "<title>&lt;/title&gt;&lt;script&gt;@DATA@@STYLE@</title>" in text
    assert len(data(text)["cells"]) == 1


def test_mistakes(records):
    import dataclasses

    with pytest.raises(ValueError, match="no such cells"):
        page([])
    several = dataclasses.replace(records[0], problem=DeepUFM(3, 2, (1e-3, 1e-3, 2e-3)))
    with pytest.raises(ValueError, match="several regularisations"):
        page([several])


# What a reader does, then what the page shows goes to the page around it, whose title the test reads.
VISIT = """
<script>
(async () => {
  const focused = () => document.querySelector("rect[tabindex='0']");
  const press = (key) => focused().dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const wait = (time) => new Promise((done) => setTimeout(done, time));
  const back = async () => {
    history.back();
    await new Promise((done) => addEventListener("hashchange", done, {once: true}));
    await wait(10);
  };
  const slide = (value) => {
    const slider = document.getElementById("slider");
    slider.value = value;
    for (const name of ["input", "change"]) slider.dispatchEvent(new Event(name));
  };
  const seen = {};
  STEPS
  await wait(100);
  const boxes = [...document.querySelectorAll("rect.cell")].map((box) => box.getBoundingClientRect());
  const style = getComputedStyle(document.documentElement);
  const scrolls = (each) => /auto|scroll/.test(getComputedStyle(each).overflow);
  parent.postMessage({
    ...seen,
    cell: document.getElementById("cell").innerText, status: document.getElementById("status").textContent,
    python: document.querySelector("#cell pre").textContent,
    pictures: document.querySelectorAll("#cell canvas, #cell #code").length, hash: location.hash,
    rects: boxes.length, least: Math.min(...boxes.map((box) => Math.min(box.width, box.height))),
    checked: [...document.querySelectorAll("rect[aria-checked=true]")].map((box) => box.getAttribute("aria-label")),
    overflow: document.documentElement.scrollWidth - innerWidth, page: style.backgroundColor, ink: style.color,
    traps: [...document.querySelectorAll("*")].filter(scrolls).length, scrolled: scrollY,
  }, "*");
})();
</script></body>
"""
FRAME = """<iframe src="PAGE" style="width:WIDTHpx;height:800px;border:0"></iframe>
<script>addEventListener("message", ({data}) => { document.title = JSON.stringify(data); });</script>"""
DARK = "--blink-settings=preferredColorScheme=0"


@pytest.fixture
def visit(tmp_path, html):
    """What a browser shows after some steps: open the page at a hash, and run JavaScript that presses keys."""

    def run(steps="", fragment="", width=1200, text=html, option="--blink-settings=preferredColorScheme=1"):
        page_file, frame = tmp_path / "page.html", tmp_path / "frame.html"
        page_file.write_text(text.replace("</body>", VISIT.replace("STEPS", steps)), encoding="utf-8")
        # A browser's own window is not as narrow as a telephone.
        source = FRAME.replace("WIDTH", str(width)).replace("PAGE", page_file.as_uri() + fragment.replace("&", "&amp;"))
        frame.write_text(source, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width + 50},900", option]
        options += ["--dump-dom", "--virtual-time-budget=10000", f"--user-data-dir={tmp_path / 'profile'}"]
        shown = subprocess.run(
            ["chromium", *options, frame.as_uri()], capture_output=True, text=True, check=True
        ).stdout
        return json.loads(unescape(re.search(r"<title>(.*?)</title>", shown, re.S)[1]))

    return run


def luminance(colour):
    """Of rgb(...), between 0 and 255."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def browser(test):
    return pytest.mark.slow(pytest.mark.needs("chromium")(test))


@browser
def test_a_cell_is_preselected_and_has_an_address(visit):
    shown = visit()
    assert re.fullmatch(r"#K=6&L=[24]&reg=1e-[23]", shown["hash"])
    assert len(shown["checked"]) == 1
    assert shown["checked"][0] == shown["status"]
    assert re.search("K = 6 classes", shown["cell"])
    assert "Best minimum known".lower() in shown["cell"].lower()
    assert re.search(r"below neural collapse|deep neural collapse", shown["cell"])


@browser
def test_arrow_keys_move_the_selection_and_back_returns(visit):
    steps = (
        "press('ArrowLeft'); seen.first = location.hash; press('ArrowUp'); seen.second = location.hash; await back();"
    )
    shown = visit(steps, "#K=6&L=2&reg=1e-2")
    assert (shown["first"], shown["second"]) == ("#K=6&L=2&reg=1e-3", "#K=6&L=4&reg=1e-3")
    assert shown["hash"] == shown["first"]
    assert shown["checked"][0].startswith("L = 2, λ = 10⁻³")
    assert shown["rects"] == 4


@browser
def test_the_slider_keeps_depth_and_lambda_and_back_returns_to_the_old_classes(visit):
    steps = "slide(0); seen.moved = location.hash; await back();"
    shown = visit(steps, "#K=6&L=4&reg=1e-2")
    assert shown["moved"] == "#K=3&L=4&reg=1e-2"
    assert shown["hash"] == "#K=6&L=4&reg=1e-2"
    assert "K = 6 classes" in shown["cell"]


@browser
@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("#K=3&L=2&reg=1e-3&loss=mse", "squared error"),
        ("#K=3&L=2&reg=0.001&n=5&d=2", "n = 5, width d = 2"),
    ],
)
def test_an_address_opens_its_cell(visit, records, fragment, words):
    shown = visit("", fragment)
    assert words in shown["cell"]
    assert "no such cell" not in shown["status"]
    call = re.search(r"optima\.(DeepUFM\(.*?\)), seed", shown["python"])[1]
    assert eval(call, {"DeepUFM": DeepUFM}) in [record.problem for record in records]


@browser
@pytest.mark.parametrize("fragment", ["#K=99&L=-1&reg=nan", "#K=<b>&reg=0", "#n=7", "#reg=1e-3%00&L=1e999", "#%"])
def test_an_address_of_no_cell_opens_the_nearest_and_says_so(visit, fragment):
    shown = visit("", fragment)
    assert shown["status"].startswith("The atlas has no such cell; the nearest one is shown.")
    assert len(shown["checked"]) == 1


@browser
def test_a_network_layer_by_layer(visit, networks):
    record = networks[1]
    shown = visit(text=page(networks), fragment="#K=4&L=4&reg=1e-3&loss=mse&activation=relu")
    assert "squared error, relu networks" in shown["cell"]
    assert f"rank {record.rank} instead of 4" in shown["cell"]
    assert shown["pictures"] == 4, "three layers and the logits"
    assert f"middle rank {record.rank}" in shown["status"]
    call = re.search(r"optima\.(DeepUFM\(.*?\)), seed=0, effort=\"quick\"", shown["python"])[1]
    assert eval(call, {"DeepUFM": DeepUFM}) == record.problem


@browser
def test_a_cell_as_python_is_the_problem(visit, records):
    record = Record.of(solve(DeepUFM(3, 2, 1e-3, samples=(5, 2, 1)), effort="quick"))
    shown = visit(text=page([record]))
    call = re.search(r"optima\.(DeepUFM\(.*?\)), seed", shown["python"])[1]
    assert eval(call, {"DeepUFM": DeepUFM}) == record.problem
    assert "no formula for it" in shown["cell"]


@browser
def test_on_a_telephone(visit, records):
    record = next(r for r in records if r.problem.classes == 6 and r.rank in (2, 3))
    steps = "const box = focused(); box.dispatchEvent(new MouseEvent('click', {bubbles: true}));"
    shown = visit(steps, f"#K=6&L={record.problem.depth}&reg={record.problem.reg}", width=400)
    assert f"K = 6 classes, depth L = {record.problem.depth}" in shown["cell"]
    assert f"{record.loss:.6g}"[:6] in shown["cell"]
    assert shown["pictures"] == 2
    assert shown["overflow"] <= 0
    assert shown["least"] >= 32
    assert shown["traps"] == 0
    assert shown["scrolled"] > 300


@browser
def test_a_grid_wider_than_the_screen_goes_on_below(visit, records):
    import dataclasses

    regs = np.geomspace(1e-6, 1e-1, 40).tolist()
    many = [dataclasses.replace(records[0], problem=DeepUFM(3, L, reg)) for reg in regs for L in range(1, 21)]
    shown = visit(width=400, text=page(many))
    assert shown["rects"] == len(many)
    assert shown["least"] >= 32
    assert shown["overflow"] <= 0


@browser
def test_dark_and_light(visit):
    light, dark = visit(), visit(option=DARK)
    assert luminance(light["page"]) > 240 > luminance(light["ink"]) + 150
    assert luminance(dark["page"]) < 40 < luminance(dark["ink"]) - 150
    toggle = "document.getElementById('theme').click();"
    assert visit(toggle)["page"] == dark["page"]
    assert visit(toggle, option=DARK)["page"] == light["page"]


@browser
def test_downloads(visit, records):
    import dataclasses

    # What would be saved is kept, and no file is written.
    steps = """URL.createObjectURL = (blob) => { seen.blobs.push(blob); return "#"; }; seen.blobs = [];
      const buttons = [...document.querySelectorAll("#cell .buttons button")];
      for (const each of buttons.filter((each) => /CSV|JSON/.test(each.textContent))) each.click();
      seen.files = await Promise.all(seen.blobs.map((blob) => blob.text())); delete seen.blobs;"""
    evil = dataclasses.replace(records[0], description='=cmd|"x"!A1, </script>')
    shown = visit(steps, text=page([evil]))
    logits, one, table, everything = shown["files"]
    assert np.allclose([[float(x) for x in line.split(",")] for line in logits.splitlines()], evil.means, atol=1e-3)
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["structure"] == "'" + evil.structure
    assert (float(row["loss"]), row["kind"], row["known_by"]) == (evil.loss, evil.kind, evil.known_by)
    assert f"{evil.kind}; {evil.known_by}" in shown["cell"]
    assert json.loads(one) == json.loads(everything)
    assert np.allclose(json.loads(one)["cells"][0]["logits"], evil.means, atol=1e-3)


@browser
def test_hostile_names_stay_text(visit, records):
    import dataclasses

    evil = dataclasses.replace(
        records[0], description="<img src=x onerror=parent.postMessage(1,'*')>", known_by="<b id=evil>"
    )
    shown = visit("seen.evil = document.querySelectorAll('#evil, img').length;", text=page([evil]))
    assert shown["evil"] == 0
    assert "<b id=evil>" in shown["cell"]


@browser
@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "no lower bound above zero is known"),
        (0.451, "at most 2.22 times the bound"),
        (0.97, "at most 3.1 % above the bound"),
        (1 - 9e-7, "Proved to 1e-6"),
        (1.0, "Proved to 1e-12"),
    ],
)
def test_what_is_said_of_a_bound_is_true(visit, records, share, words):
    import dataclasses

    proof = dataclasses.replace(records[0].certificate, lower=share * records[0].loss)
    shown = visit(text=page([dataclasses.replace(records[0], certificate=proof)]))
    assert words in shown["cell"]
    assert ("not proved" in shown["cell"]) == (share < 0.99)
