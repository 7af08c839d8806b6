"""The interactive page: one file, everything in it, and a real browser that shows a cell."""

import json
import re
import subprocess

import numpy as np
import pytest

from optima import DeepUFM, solve
from optima.atlas import Record
from optima.atlas.page import page


@pytest.fixture(scope="module")
def records():
    problems = [DeepUFM(K, L, reg) for K in (3, 6) for L in (2, 4) for reg in (1e-3, 1e-2)]
    problems += [DeepUFM(3, 2, 1e-3, samples=5, width=2), DeepUFM(3, 2, 1e-3, loss="mse")]
    return [Record.of(solve(problem, effort="quick"), certify=problem.classes == 3) for problem in problems]


@pytest.fixture(scope="module")
def html(records):
    return page(records)


def data(html):
    return json.loads(re.search(r'<script type="application/json" id="atlas">(.*?)</script>', html, re.S)[1])


def test_every_cell_is_there(html, records):
    cells = data(html)["cells"]
    assert [cell["loss"] for cell in cells] == [record.loss for record in records]
    for cell, record in zip(cells, records, strict=True):
        A, B = np.array(cell["code"]).reshape(2, record.problem.classes, -1)
        assert np.allclose(A @ B.T, record.means, atol=1e-3)
        assert (cell["lower"] is None) == (record.certificate is None)


def test_nothing_comes_from_the_network(html):
    assert not re.search(r"(src|href)=\"|@import|fetch\(|url\(", html)
    assert not re.search(r"https?://(?!www\.w3\.org)", html)


def test_a_cell_as_python_is_the_problem(html, records):
    for cell, record in zip(data(html)["cells"], records, strict=True):
        call = re.search(r"optima\.(DeepUFM\(.*?\)), seed", cell["python"])[1]
        assert eval(call, {"DeepUFM": DeepUFM}) == record.problem


def test_names_cannot_end_the_script(records):
    import dataclasses

    evil = dataclasses.replace(records[0], structure="</script><b>")
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


# What a reader does, then what the page shows goes into the title for the test to read.
VISIT = """
<script>
// A browser without a window may not give the page its focus on a busy machine, and then sends no events of focus.
const focus = SVGElement.prototype.focus;
SVGElement.prototype.focus = function () {
  focus.call(this);
  if (!document.hasFocus()) this.dispatchEvent(new FocusEvent("focus"));
};
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
document.querySelector("rect[tabindex='0']").focus();
STEPS
document.title = JSON.stringify({
  cell: document.getElementById("cell").textContent, status: document.getElementById("status").textContent,
  pictures: document.querySelectorAll("#cell canvas, #cell svg").length, hash: location.hash,
  rects: document.querySelectorAll("rect.cell").length,
  overflow: document.documentElement.scrollWidth - innerWidth,
});
</script></body>
"""


@pytest.fixture
def visit(tmp_path, html):
    """What a browser shows after some steps: open the page at a hash, and run JavaScript that presses keys."""

    def run(steps, fragment="", width=1200):
        path = tmp_path / "page.html"
        path.write_text(html.replace("</body>", VISIT.replace("STEPS", steps)), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},800", "--dump-dom"]
        command = ["chromium", *options, f"--user-data-dir={tmp_path / 'profile'}", f"{path.as_uri()}{fragment}"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        title = re.search(r"<title>(.*?)</title>", shown, re.S)[1]
        return json.loads(title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))

    return run


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_the_keyboard_opens_a_cell(visit, records):
    shown = visit("press('ArrowRight'); press('Enter');")
    assert shown["rects"] == 4
    assert re.search("K = [36]", shown["cell"])
    assert "optima.solve" in shown["cell"]
    assert shown["pictures"] >= 1
    assert shown["hash"] in {f"#{record.key.hex()[:12]}" for record in records}
    assert shown["status"].startswith("L = ")


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_a_link_opens_its_cell_on_a_narrow_screen(visit, records):
    record = next(r for r in records if r.problem.classes == 6 and r.rank in (2, 3))
    shown = visit("", f"#{record.key.hex()[:12]}", width=500)
    assert f"K = 6, L = {record.problem.depth}" in shown["cell"]
    assert f"{record.loss:.6g}"[:6] in shown["cell"]
    assert shown["pictures"] == 2
    assert shown["overflow"] <= 0


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_choosing_another_diagram(visit):
    steps = "const s = document.getElementById('slice'); s.value = 'K = 3, squared error';"
    shown = visit(steps + "s.dispatchEvent(new Event('change'));")
    assert shown["rects"] == 1
