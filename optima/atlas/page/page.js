"use strict";
const atlas = JSON.parse(document.getElementById("atlas").textContent);
const SVG = "http://www.w3.org/2000/svg";
const OWN = { zero: "#e4e4e4", simplex: "#0072b2", pairs: "#e69f00", polygon: "#009e73" };
const OTHERS = ["#56b4e9", "#d55e00", "#cc79a7", "#f0e442", "#8c8c8c", "#b7a3d9", "#7d5a3c", "#c5e5a5"];
let colours = {};

const element = (id) => document.getElementById(id);
const format = (value) => Number(value.toPrecision(6)).toString();
const sliceOf = (cell) => `K = ${cell.K}` + (cell.kind ? `, ${cell.kind}` : "");
const slices = [...new Set(atlas.cells.map(sliceOf))];
let cells = [];
let grid = new Map();
let rotation = { turn: 0.5, tilt: 0.3 };

function make(parent, tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function summary(cell) {
  const bound = cell.lower === null ? "" : `, within ${(100 * (1 - cell.lower / cell.loss)).toPrecision(2)} % of a proved bound`;
  const values = cell.spectrum.map(([value, count]) => `${value} ×${count}`).join(", ") || "none";
  return `L = ${cell.L}, λ = ${format(cell.reg)}: ${cell.name}, rank ${cell.rank}, loss ${format(cell.loss)}${bound}; singular values ${values}`;
}

function drawDiagram(slice) {
  cells = atlas.cells.filter((cell) => sliceOf(cell) === slice);
  // Each diagram has few names of its own, so that the colours go round.
  const others = [...new Set(cells.map((cell) => cell.name))].filter((name) => !(name in OWN)).sort();
  colours = { ...OWN };
  others.forEach((name, i) => (colours[name] = OTHERS[i % OTHERS.length]));
  const regs = [...new Set(cells.map((cell) => cell.reg))].sort((a, b) => a - b);
  const depths = [...new Set(cells.map((cell) => cell.L))].sort((a, b) => b - a);
  const left = 42, bottom = 44, width = 720, height = Math.max(120, 40 * depths.length);
  const w = (width - left) / regs.length, h = height / depths.length;
  const diagram = element("diagram");
  diagram.replaceChildren();
  diagram.setAttribute("viewBox", `0 0 ${width} ${height + bottom}`);
  grid = new Map();
  for (const cell of cells) {
    const i = regs.indexOf(cell.reg), j = depths.indexOf(cell.L);
    const box = make(diagram, "rect", {
      class: "cell", x: left + i * w, y: j * h, width: w, height: h, fill: colours[cell.name],
      tabindex: -1, role: "button", "aria-label": summary(cell), id: `cell-${cell.id}`,
    });
    grid.set(`${i},${j}`, box);
    box.addEventListener("pointerenter", () => (element("status").textContent = summary(cell)));
    box.addEventListener("focus", () => (element("status").textContent = summary(cell)));
    box.addEventListener("click", () => open(cell));
    box.addEventListener("keydown", (event) => onKey(event, cell, i, j));
    const dark = ["#0072b2", "#009e73", "#d55e00", "#7d5a3c"].includes(colours[cell.name]);
    make(diagram, "text", { class: dark ? "rank light" : "rank", x: left + (i + 0.5) * w, y: (j + 0.5) * h }, cell.rank);
  }
  depths.forEach((depth, j) =>
    make(diagram, "text", { x: left - 8, y: (j + 0.5) * h, "text-anchor": "end", "dominant-baseline": "central" }, depth));
  const step = Math.ceil(regs.length / 7);
  regs.forEach((reg, i) => {
    const label = reg.toExponential(1);
    if (i % step === 0) make(diagram, "text", { x: left + (i + 0.5) * w, y: height + 16, "text-anchor": "middle" }, label);
  });
  make(diagram, "text", { x: left + (width - left) / 2, y: height + 36, "text-anchor": "middle" }, "regularisation λ");
  make(diagram, "text", { x: 12, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${height / 2})` }, "depth L");
  make(diagram, "rect", { id: "mark", width: w - 1, height: h - 1, visibility: "hidden" });
  const first = diagram.querySelector("rect");
  first.setAttribute("tabindex", 0);
  drawLegend();
}

function drawLegend() {
  const present = new Map(cells.map((cell) => [cell.name, cell.rank]));
  const items = [...present].sort((a, b) => b[1] - a[1]).map(([name]) => {
    const item = document.createElement("li"), patch = document.createElement("span");
    patch.style.background = colours[name];
    item.append(patch, name);
    return item;
  });
  const note = document.createElement("li");
  note.className = "note";
  note.textContent = "The number in a cell is the rank of its logits.";
  element("legend").replaceChildren(...items, note);
}

function onKey(event, cell, i, j) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    open(cell);
  } else if (event.key in moves) {
    event.preventDefault();
    const [x, y] = moves[event.key];
    const next = grid.get(`${i + x},${j + y}`);
    if (next) focusOn(next);
  }
}

function focusOn(box) {
  for (const other of document.querySelectorAll("rect[tabindex='0']")) other.setAttribute("tabindex", -1);
  box.setAttribute("tabindex", 0);
  box.focus();
}

function open(cell) {
  const box = element(`cell-${cell.id}`), mark = element("mark");
  mark.setAttribute("x", Number(box.getAttribute("x")) + 0.5);
  mark.setAttribute("y", Number(box.getAttribute("y")) + 0.5);
  mark.setAttribute("visibility", "visible");
  history.replaceState(null, "", `#${cell.id}`);
  const rows = [
    ["structure", cell.structure], ["loss", cell.loss.toPrecision(12)], ["rank", cell.rank],
    ["singular values", cell.spectrum.map(([value, count]) => `${value} ×${count}`).join(", ") || "none"],
    ["proved bound", cell.lower === null ? "not computed" : `${cell.lower.toPrecision(10)} (${cell.proof}; gap ${(1 - cell.lower / cell.loss).toExponential(1)})`],
    ["known by", cell.known],
  ];
  if (cell.gain !== null && cell.gain > 1e-9) rows.splice(2, 0, ["below the catalogue", `${(100 * cell.gain).toPrecision(2)} %`]);
  const list = document.createElement("dl");
  for (const [term, text] of rows) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = text;
    list.append(dt, dd);
  }
  const heading = document.createElement("h2");
  heading.textContent = `${sliceOf(cell)}, L = ${cell.L}, λ = ${format(cell.reg)}`;
  const pictures = document.createElement("div");
  pictures.className = "pictures";
  const logits = product(cell.code);
  pictures.append(figure(heatMap(logits), `class-mean logits, from ${format(Math.min(...logits.flat()))} (dark) to ${format(Math.max(...logits.flat()))} (light)`));
  if (cell.rank === 2 || cell.rank === 3) pictures.append(figure(drawCode(cell), cell.rank === 2 ? "class vectors on the circle" : "class vectors; drag, or use the arrow keys, to turn"));
  const python = document.createElement("pre"), copy = document.createElement("button"), link = document.createElement("a");
  python.textContent = cell.python;
  copy.textContent = "Copy as Python";
  copy.addEventListener("click", () => copyText(cell.python, copy));
  link.href = `#${cell.id}`;
  link.textContent = "link to this cell";
  element("cell").replaceChildren(heading, list, pictures, python, copy, " ", link);
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Pages from a file may not write to the clipboard.
    getSelection().selectAllChildren(document.querySelector("#cell pre"));
    button.textContent = "Selected: copy with your keyboard";
  }
}

function figure(picture, words) {
  const made = document.createElement("figure"), caption = document.createElement("figcaption");
  caption.textContent = words;
  made.append(picture, caption);
  return made;
}

function product([A, B]) {
  return A.map((a) => B.map((b) => a.reduce((sum, value, k) => sum + value * b[k], 0)));
}

function heatMap(logits) {
  const K = logits.length, canvas = document.createElement("canvas"), flat = logits.flat();
  const low = Math.min(...flat), high = Math.max(...flat);
  canvas.width = canvas.height = K;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `heat map of the ${K} by ${K} class-mean logits`);
  const pen = canvas.getContext("2d");
  logits.forEach((row, i) => row.forEach((value, j) => {
    const t = high > low ? (value - low) / (high - low) : 0;
    // From dark blue to yellow through grey, lighter all the way.
    const mix = (a, b, c) => Math.round(t < 0.5 ? a + (b - a) * 2 * t : b + (c - b) * (2 * t - 1));
    pen.fillStyle = `rgb(${mix(0, 124, 255)},${mix(34, 123, 234)},${mix(78, 120, 70)})`;
    pen.fillRect(j, i, 1, 1);
  }));
  return canvas;
}

function drawCode(cell) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "-1.25 -1.25 2.5 2.5");
  svg.setAttribute("id", "code");
  const longest = Math.max(...cell.code[0].map((point) => Math.hypot(...point)));
  const points = cell.code[0].map((point) => point.map((value) => value / longest));
  const draw = () => {
    svg.replaceChildren();
    make(svg, "circle", { r: 1, fill: "none", stroke: "#bbb", "stroke-width": 0.01 });
    const seen = points.map((point, c) => ({ c, at: cell.rank === 3 ? turned(point) : [...point, 1] }));
    seen.sort((a, b) => a.at[2] - b.at[2]);
    for (const { c, at: [x, y, z] } of seen) {
      const grey = Math.round(150 * (1 - (z + 1) / 2));
      make(svg, "line", { x1: 0, y1: 0, x2: x, y2: -y, stroke: `rgb(${grey},${grey},${grey})`, "stroke-width": 0.012 });
      make(svg, "circle", { cx: x, cy: -y, r: 0.045 + 0.015 * z, fill: `rgb(${grey},${grey},${grey})` });
      make(svg, "text", { x: 1.13 * x, y: -1.13 * y, style: "font-size:.12px", "text-anchor": "middle", "dominant-baseline": "central" }, c);
    }
  };
  if (cell.rank === 3) {
    svg.setAttribute("tabindex", 0);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "class vectors on a sphere; the arrow keys turn it");
    const turn = (x, y) => { rotation.turn += x; rotation.tilt += y; draw(); };
    svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
    svg.addEventListener("pointermove", (event) => event.buttons && turn(event.movementX / 90, event.movementY / 90));
    svg.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
      if (event.key in steps) { event.preventDefault(); turn(...steps[event.key]); }
    });
  }
  draw();
  return svg;
}

function turned([x, y, z]) {
  const { turn, tilt } = rotation;
  const across = x * Math.cos(turn) - y * Math.sin(turn), away = x * Math.sin(turn) + y * Math.cos(turn);
  return [across, z * Math.cos(tilt) - away * Math.sin(tilt), z * Math.sin(tilt) + away * Math.cos(tilt)];
}

function show(slice) {
  element("slice").value = slice;
  drawDiagram(slice);
  element("cell").replaceChildren();
}

function follow() {
  const cell = atlas.cells.find((each) => `#${each.id}` === location.hash);
  if (cell) {
    show(sliceOf(cell));
    open(cell);
  }
  return cell;
}

for (const slice of slices) element("slice").add(new Option(slice));
element("slice").addEventListener("change", (event) => show(event.target.value));
addEventListener("hashchange", follow);
const variety = (slice) => new Set(atlas.cells.filter((cell) => sliceOf(cell) === slice).map((cell) => cell.name)).size;
if (!follow()) show(slices.reduce((best, slice) => (variety(slice) > variety(best) ? slice : best)));
