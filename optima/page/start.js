// The cell in view; everything on the page follows from it.
let shown;

const say = (text) => (element("status").textContent = text);

// how: "push" for a new entry in the history, "replace" for none.
function show(cell, how) {
  const other = !shown || sliceOf(shown) !== sliceOf(cell);
  shown = cell;
  if (how) history[`${how}State`](null, "", address(cell));
  if (other) {
    drawControls();
    drawDiagram();
  }
  drawMark();
  drawFacts();
  say(summary(cell));
}

// Where the facts are below the diagram they come into view.
function choose(cell) {
  show(cell, "push");
  plan.boxes.get(cell).focus({ preventScroll: true });
  if (element("cell").offsetTop > element("map").offsetTop + 8) element("cell").scrollIntoView();
}

const settings = [...new Set(atlas.cells.map((cell) => cell.at))];
const classesOf = (at) => [...new Set(atlas.cells.filter((cell) => cell.at === at).map((cell) => cell.K))].sort((a, b) => a - b);

function drawControls() {
  const classes = classesOf(shown.at), slider = element("slider");
  element("setting").value = shown.at;
  slider.max = classes.length - 1;
  slider.value = classes.indexOf(shown.K);
  slider.disabled = classes.length < 2;
  slider.setAttribute("aria-valuetext", `${shown.K} classes`);
  element("K").textContent = `K = ${shown.K}`;
}

// The same depth and λ, or the nearest, in another diagram.
function near(cells) {
  const [deep] = nearest(cells, "L", shown.L);
  return nearest(deep, "reg", shown.reg)[0][0];
}

function slide(how) {
  const K = classesOf(shown.at)[element("slider").value];
  show(near(atlas.cells.filter((cell) => cell.K === K && cell.at === shown.at)), how);
}

function follow() {
  const { cell, exact } = seek(location.hash);
  show(cell);
  if (!exact) say(`The atlas has no such cell; the nearest one is shown. ${summary(cell)}`);
}

function dark() {
  return (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
}

function drawTheme() {
  element("theme").hidden = false;
  element("theme").textContent = dark() ? "☀ Light" : "☾ Dark";
  element("theme").setAttribute("aria-label", dark() ? "Change to light colours" : "Change to dark colours");
}

element("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  drawTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTheme);
for (const at of settings) element("setting").add(new Option(settingWords(at), at));
element("settings").hidden = settings.length < 2;
element("setting").addEventListener("change", (event) => {
  const cells = atlas.cells.filter((cell) => cell.at === event.target.value);
  show(near(nearest(cells, "K", shown.K)[0]), "push");
});
// A slider that moves shows what it passes; where it stops is an entry in the history.
element("slider").addEventListener("input", () => slide());
element("slider").addEventListener("change", () => slide("push"));
element("diagram").addEventListener("pointerleave", () => say(summary(shown)));
addEventListener("hashchange", follow);
element("controls").hidden = false;
drawTheme();
follow();
if (location.hash.length < 2) history.replaceState(null, "", address(shown));
let drawnAt = element("map").clientWidth;
new ResizeObserver(() => {
  if (element("map").clientWidth === drawnAt) return;
  drawnAt = element("map").clientWidth;
  drawDiagram();
  drawMark();
}).observe(element("map"));
