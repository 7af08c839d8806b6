// The eye of the pictures: 55 degrees to the left and 18 up.
let view = { turn: (55 * Math.PI) / 180, tilt: (18 * Math.PI) / 180 };

// Class-mean logits A Bᵀ, of a network its last layer.
function logitsOf(cell) {
  if (isRelu(cell)) return cell.layers.at(-1);
  const [A, B] = [cell.code[0], cell.code.at(-1)];
  return A.map((a) => B.map((b) => a.reduce((sum, value, k) => sum + value * b[k], 0)));
}

function withWords(picture, words) {
  return block("figure", "", picture, block("figcaption", "", words));
}

function colourMap(rows, low, high) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [rows[0].length, rows.length];
  canvas.setAttribute("role", "img");
  const pen = canvas.getContext("2d");
  rows.forEach((row, i) => row.forEach((value, j) => {
    const t = high > low ? (value - low) / (high - low) : 0.5;
    // Like cividis: from dark blue through grey to yellow, lighter all the way.
    const mix = (a, b, c) => Math.round(t < 0.5 ? a + (b - a) * 2 * t : b + (c - b) * (2 * t - 1));
    pen.fillStyle = `rgb(${mix(0, 124, 255)},${mix(34, 123, 234)},${mix(78, 120, 70)})`;
    pen.fillRect(j, i, 1, 1);
  }));
  return canvas;
}

function heatMap(cell) {
  const logits = logitsOf(cell), flat = logits.flat();
  const low = flat.reduce((a, b) => Math.min(a, b)), high = flat.reduce((a, b) => Math.max(a, b));
  const canvas = colourMap(cell.order.map((row) => cell.order.map((column) => logits[row][column])), low, high);
  canvas.setAttribute("aria-label", `heat map of the ${cell.K} by ${cell.K} class-mean logits`);
  const range = low === high ? `all ${short(low)}` : `from ${short(Number(low.toPrecision(3)))} (dark) to ${short(Number(high.toPrecision(3)))} (light)`.replace("-", "−");
  return withWords(canvas, `class-mean logits, ${range}; similar classes side by side`);
}

function codePicture(cell) {
  const svg = document.createElementNS(SVG, "svg");
  const longest = Math.max(...cell.code[0].map((point) => Math.hypot(...point)));
  const points = cell.code[0].map((point) => point.map((value) => value / longest));
  const draw = () => drawCode(svg, points.map(cell.rank === 3 ? seen : (point) => [...point, 1]), cell);
  svg.setAttribute("viewBox", "-1.28 -1.28 2.56 2.56");
  svg.setAttribute("id", "code");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `the ${cell.K} class vectors and their convex hull${cell.rank === 3 ? "; the arrow keys turn it" : ""}`);
  if (cell.rank === 3) makeTurn(svg, draw);
  draw();
  const words = `class vectors and their convex hull${cell.rank === 3 ? "; drag, or use the arrow keys, to turn it" : ""}`;
  return withWords(svg, words);
}

function makeTurn(svg, draw) {
  const turn = (x, y) => {
    view = { turn: view.turn + x, tilt: view.tilt + y };
    draw();
  };
  svg.setAttribute("tabindex", 0);
  svg.setAttribute("class", "turns");
  svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener("pointermove", (event) => event.buttons && turn(event.movementX / 90, event.movementY / 90));
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    turn(...steps[event.key]);
  });
}

// Right, up, and towards the eye.
function seen([x, y, z]) {
  const [s, c] = [Math.sin(view.turn), Math.cos(view.turn)], toward = x * c - y * s;
  return [x * s + y * c, z * Math.cos(view.tilt) - toward * Math.sin(view.tilt), z * Math.sin(view.tilt) + toward * Math.cos(view.tilt)];
}

// Near lines and points are dark and far ones faint.
function drawCode(svg, points, cell) {
  const near = ([, , z]) => (z + 1) / 2, pen = "currentColor", colour = atlas.colours[cell.rank];
  svg.replaceChildren();
  make(svg, "circle", { r: 1, fill: "none", stroke: pen, "stroke-opacity": 0.2, "stroke-width": 0.01 });
  if (cell.rank === 2) {
    const corners = [...new Set(cell.hull)].map((c) => points[c]).sort((a, b) => Math.atan2(a[1], a[0]) - Math.atan2(b[1], b[0]));
    make(svg, "polygon", { points: corners.map(([x, y]) => `${x},${-y}`).join(" "), fill: colour, "fill-opacity": 0.25 });
  }
  const edges = cell.hull.flatMap((c, k) => (k % 2 ? [[points[cell.hull[k - 1]], points[c]]] : []));
  const lines = edges.sort((a, b) => a[0][2] + a[1][2] - b[0][2] - b[1][2]);
  for (const [a, b] of lines) {
    const depth = (near(a) + near(b)) / 2;
    make(svg, "line", {
      x1: a[0], y1: -a[1], x2: b[0], y2: -b[1], stroke: pen, "stroke-linecap": "round",
      "stroke-opacity": 0.15 + 0.75 * depth, "stroke-width": 0.01 + 0.015 * depth,
    });
  }
  for (const { at, classes } of together(points)) {
    const [x, y] = at, depth = near(at), far = Math.hypot(x, y);
    // Away from the centre, or up where the point is in front of it.
    const [right, up] = far > 0.1 ? [x / far, y / far] : [0, 1];
    make(svg, "circle", { cx: x, cy: -y, r: 0.03 + 0.025 * depth, fill: pen, "fill-opacity": 0.3 + 0.7 * depth });
    make(svg, "text", { x: x + 0.15 * right, y: -y - 0.15 * up, "fill-opacity": 0.4 + 0.6 * depth }, classes.join(","));
  }
}

// Classes that share a place have one label.
function together(points) {
  const found = [];
  points.forEach((at, c) => {
    const same = found.find((each) => Math.hypot(...each.at.map((value, k) => value - at[k])) < 0.02);
    if (same) same.classes.push(c);
    else found.push({ at, classes: [c] });
  });
  return found.sort((a, b) => a.at[2] - b.at[2]);
}
