// Cells are at least this wide and high, for fingers; where they do not fit the diagram goes on below.
const LEAST = 32, MOST = { width: 96, height: 44 };
const EDGE = { left: 52, top: 5, below: 26, title: 22 };
// Room for the title of the axis upwards.
const UPRIGHT = 96;
let plan;

function arrange(cells, room) {
  const axes = {
    reg: [...new Set(cells.map((cell) => cell.reg))].sort((a, b) => a - b),
    L: [...new Set(cells.map((cell) => cell.L))].sort((a, b) => a - b),
  };
  const fit = Math.max(1, Math.floor((room - EDGE.left - 4) / LEAST));
  const bands = (name) => Math.ceil(axes[name].length / fit);
  // λ goes upwards where it does not fit across, as on a telephone, and that is shorter.
  const flat = bands("reg") === 1 || bands("reg") * axes.L.length <= bands("L") * axes.reg.length;
  const [across, up] = flat ? ["reg", "L"] : ["L", "reg"];
  const columns = Math.ceil(axes[across].length / bands(across)), rows = axes[up].length;
  const width = Math.min(MOST.width, (room - EDGE.left - 4) / columns);
  const height = Math.max(LEAST, Math.min(MOST.height, width), UPRIGHT / rows);
  const at = new Map();
  for (const cell of cells) at.set(`${axes[across].indexOf(cell[across])},${axes[up].indexOf(cell[up])}`, cell);
  const total = EDGE.top + bands(across) * (rows * height + EDGE.below) + EDGE.title;
  return { axes, across, up, columns, rows, bands: bands(across), width, height, at, total, boxes: new Map() };
}

const cellAt = (i, j) => plan.at.get(`${i},${j}`);

// Left and upper edge of a cell.
function place(i, j) {
  const band = Math.floor(i / plan.columns);
  return {
    x: EDGE.left + (i % plan.columns) * plan.width,
    y: EDGE.top + band * (plan.rows * plan.height + EDGE.below) + (plan.rows - 1 - j) * plan.height,
  };
}

function drawDiagram() {
  const cells = sliceCells(sliceOf(shown)), diagram = element("diagram"), room = element("map").clientWidth;
  plan = arrange(cells, room);
  diagram.replaceChildren();
  diagram.setAttribute("width", room);
  diagram.setAttribute("height", plan.total);
  diagram.setAttribute("aria-label", `Best minimum known with ${shown.K} classes, over λ and depth; arrow keys move`);
  for (const [key, cell] of plan.at) drawCell(diagram, cell, ...key.split(",").map(Number));
  drawLines(diagram);
  for (const region of regions()) label(diagram, region);
  drawAxes(diagram);
  const mark = make(diagram, "g", { id: "mark" });
  for (const name of ["out", "on"]) make(mark, "rect", { class: name, width: plan.width, height: plan.height, rx: 2 });
  drawLegend(cells);
}

function drawCell(diagram, cell, i, j) {
  const box = make(diagram, "rect", {
    class: "cell", ...place(i, j), width: plan.width, height: plan.height, fill: atlas.colours[cell.rank],
    tabindex: -1, role: "radio", "aria-checked": false, "aria-label": summary(cell),
  });
  plan.boxes.set(cell, box);
  box.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && say(summary(cell)));
  box.addEventListener("click", () => choose(cell));
  box.addEventListener("keydown", (event) => onKey(event, i, j));
  if (isProved(cell)) {
    const { x, y } = place(i, j);
    make(diagram, "circle", { cx: x + plan.width - 6, cy: y + 6, r: 2.2, fill: ink(cell), "pointer-events": "none" });
  }
}

// Black or white, whichever is read on the colour of the cell.
function ink(cell) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(atlas.colours[cell.rank].slice(start, start + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? "#fff" : "#111";
}

const alike = (a, b) => a && b && a.name === b.name && a.rank === b.rank;

// Thin lines within a structure, thick ones around it.
function drawLines(diagram) {
  const lines = { within: "", between: "" };
  for (const [key, cell] of plan.at) {
    const [i, j] = key.split(",").map(Number), { x, y } = place(i, j);
    const right = (i + 1) % plan.columns ? cellAt(i + 1, j) : undefined, above = cellAt(i, j + 1);
    if (right) lines[alike(cell, right) ? "within" : "between"] += `M${x + plan.width} ${y}v${plan.height}`;
    if (above) lines[alike(cell, above) ? "within" : "between"] += `M${x} ${y}h${plan.width}`;
  }
  for (const [name, d] of Object.entries(lines)) make(diagram, "path", { class: name, d });
}

// Cells of one structure that touch, as lists of [i, j].
function regions() {
  const seen = new Set(), found = [];
  for (const key of plan.at.keys()) {
    if (seen.has(key)) continue;
    const region = [], next = [key];
    seen.add(key);
    while (next.length) {
      const [i, j] = next.pop().split(",").map(Number);
      region.push([i, j]);
      for (const [x, y] of [[i + 1, j], [i - 1, j], [i, j + 1], [i, j - 1]]) {
        const other = `${x},${y}`;
        if (seen.has(other) || !alike(cellAt(x, y), cellAt(i, j))) continue;
        seen.add(other);
        next.push(other);
      }
    }
    found.push(region);
  }
  return found;
}

// The name once, where the region is widest, and the rank in its other cells.
function label(diagram, region) {
  const [i0, j0] = region[0], cell = cellAt(i0, j0), text = plain(cell.name), fill = ink(cell);
  const runs = [];
  for (const [i, j] of region.sort((a, b) => b[1] - a[1] || a[0] - b[0])) {
    const last = runs.at(-1);
    if (last && last.j === j && last.end === i && i % plan.columns) last.end++;
    else runs.push({ j, start: i, end: i + 1 });
  }
  const longest = Math.max(...runs.map((run) => run.end - run.start));
  const wide = runs.filter((run) => run.end - run.start === longest), run = wide[Math.floor((wide.length - 1) / 2)];
  const middle = place(run.start, run.j).x + (longest * plan.width) / 2, y = place(run.start, run.j).y + plan.height / 2;
  const name = make(diagram, "text", { class: "in name", x: middle, y, style: `fill:${fill}` }, text);
  const length = name.getComputedTextLength(), named = length + 6 <= longest * plan.width;
  if (!named) name.remove();
  for (const [i, j] of region) {
    const x = place(i, j).x + plan.width / 2, y = place(i, j).y + plan.height / 2;
    if (named && j === run.j && i >= run.start && i < run.end && Math.abs(x - middle) < length / 2 + 8) continue;
    make(diagram, "text", { class: "in", x, y, style: `fill:${fill};fill-opacity:.75` }, cell.rank);
  }
}

// Where the labels of an axis are, in cells from the first one, and what they say.
function ticks(name, size) {
  const values = plan.axes[name];
  if (name === "L") return values.map((value, at) => ({ at, text: value }));
  const decades = [], logs = values.map(Math.log10);
  for (let e = Math.ceil(logs[0] - 1e-9); e <= logs.at(-1) + 1e-9; e++) {
    const after = Math.max(1, logs.findIndex((log) => log >= e - 1e-9)), [a, b] = [logs[after - 1], logs[after]];
    decades.push({ at: b === undefined ? 0 : after - 1 + (e - a) / (b - a), text: raised(e) });
  }
  // Between values far apart a decade has no cell.
  if (decades.length < 2 || decades.length > values.length) {
    const step = Math.ceil(64 / size);
    return values.map((value, at) => ({ at, text: power(value, 2) })).filter(({ at }) => at % step === 0);
  }
  const step = Math.ceil(34 / (size * (decades[1].at - decades[0].at)));
  return decades.filter((_, i) => i % step === 0);
}

const TITLES = { reg: "weight decay λ", L: "depth L" };

function drawAxes(diagram) {
  const { across, up, columns, rows, bands, width, height } = plan;
  const count = plan.axes[across].length, middle = EDGE.left + (Math.min(columns, count) * width) / 2;
  for (let band = 0; band < bands; band++) {
    const top = place(band * columns, rows - 1).y, bottom = top + rows * height;
    for (const { at, text } of ticks(up, height)) {
      const y = top + (rows - 0.5 - at) * height;
      make(diagram, "text", { x: EDGE.left - 8, y, "text-anchor": "end", "dominant-baseline": "central" }, text);
    }
    for (const { at, text } of ticks(across, width)) {
      const x = EDGE.left + (at - band * columns + 0.5) * width;
      if (at < band * columns - 0.5 || at >= Math.min(count, (band + 1) * columns) - 0.5) continue;
      make(diagram, "path", { d: `M${x} ${bottom}v4`, style: "stroke:var(--soft)" });
      make(diagram, "text", { x, y: bottom + 16, "text-anchor": "middle" }, text);
    }
    const centre = top + (rows * height) / 2;
    make(diagram, "text", { x: 12, y: centre, "text-anchor": "middle", transform: `rotate(-90 12 ${centre})` }, TITLES[up]);
  }
  make(diagram, "text", { x: middle, y: plan.total - 6, "text-anchor": "middle" }, TITLES[across]);
}

function drawLegend(cells) {
  const names = new Map();
  for (const cell of cells) names.set(cell.rank, (names.get(cell.rank) ?? new Set()).add(plain(cell.name)));
  const items = [...names].sort((a, b) => a[0] - b[0]).map(([rank, found]) => {
    const patch = block("span");
    patch.style.background = atlas.colours[rank];
    return block("li", "", patch, block("div", "", `${rankWord(cells[0])} ${rank}: ${[...found].sort().join(", ")}`));
  });
  const relu = isRelu(cells[0]) ? " The middle rank is the least rank of a hidden layer before the activation." : "";
  const note = block("li", "note", `A number in a cell is the ${rankWord(cells[0])}; a dot: the loss is proved to within 1 %.${relu}`);
  element("legend").replaceChildren(...items, note);
}

function drawMark() {
  for (const [cell, box] of plan.boxes) {
    box.setAttribute("tabindex", cell === shown ? 0 : -1);
    box.setAttribute("aria-checked", cell === shown);
  }
  const box = plan.boxes.get(shown);
  for (const frame of document.querySelectorAll("#mark rect")) {
    frame.setAttribute("x", box.getAttribute("x"));
    frame.setAttribute("y", box.getAttribute("y"));
  }
}

function onKey(event, i, j) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    choose(cellAt(i, j));
  } else if (event.key in moves) {
    event.preventDefault();
    const [x, y] = moves[event.key], inside = (a, b) => a >= 0 && b >= 0 && a < plan.axes[plan.across].length && b < plan.rows;
    // Over places that the atlas lacks.
    for (let a = i + x, b = j + y; inside(a, b); a += x, b += y) {
      if (!cellAt(a, b)) continue;
      // A key that is held down leaves one entry in the history, not one a cell.
      show(cellAt(a, b), event.repeat ? "replace" : "push");
      plan.boxes.get(shown).focus();
      return;
    }
  }
}
