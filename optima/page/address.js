// Every view has an address, #K=12&L=3&reg=1e-3 and what else sets its diagram apart: &n=5&d=2&loss=mse&activation=relu.
const PARTS = ["n", "d", "loss", "activation"];
const sliceOf = (cell) => `${cell.K}&${cell.at}`;
const fieldDistance = {
  K: (cell, value) => Math.abs(cell.K - value),
  L: (cell, value) => Math.abs(cell.L - value),
  reg: (cell, value) => Math.abs(Math.log(cell.reg / value)),
};

const sliceCells = (slice) => atlas.cells.filter((cell) => sliceOf(cell) === slice);

// What one value has of the cells, and how far from it they are.
function nearest(cells, name, value) {
  const far = cells.map((cell) => fieldDistance[name](cell, value));
  const least = far.reduce((a, b) => Math.min(a, b), Infinity);
  return Number.isFinite(least) ? [cells.filter((_, i) => far[i] === least), least] : [cells, Infinity];
}

function regText(cell) {
  const text = Number(cell.reg.toPrecision(6)).toExponential();
  const [found] = nearest(sliceCells(sliceOf(cell)), "reg", Number(text));
  return found.some((each) => each.reg === cell.reg) && found.every((each) => each.reg === cell.reg) ? text : String(cell.reg);
}

const address = (cell) => `#K=${cell.K}&L=${cell.L}&reg=${regText(cell)}${cell.at && `&${cell.at}`}`;

// The cell at an address, or the nearest one; exact says whether it is the one asked for.
function seek(hash) {
  const wanted = new URLSearchParams(hash.replace(/^#/, ""));
  const at = PARTS.filter((part) => wanted.has(part)).map((part) => `${part}=${wanted.get(part)}`).join("&");
  const asked = ["K", "L", "reg", ...PARTS].some((name) => wanted.has(name));
  let cells = atlas.cells.filter((cell) => cell.at === at), exact = asked && cells.length > 0;
  if (!exact || !wanted.has("K")) cells = atlas.cells.filter((cell) => sliceOf(cell) === mostVaried(exact ? cells : atlas.cells));
  for (const name of ["K", "L", "reg"]) {
    if (!wanted.has(name)) continue;
    const [found, far] = nearest(cells, name, Number(wanted.get(name) || NaN));
    cells = found;
    exact &&= far < 1e-4;
  }
  return { cell: preferred(cells), exact: exact || hash.length < 2 };
}

// The diagram with the most structures.
function mostVaried(cells) {
  const names = new Map();
  for (const cell of cells) names.set(sliceOf(cell), (names.get(sliceOf(cell)) ?? new Set()).add(cell.name));
  return [...names.keys()].reduce((best, slice) => (names.get(slice).size > names.get(best).size ? slice : best));
}

// What is shown first: a code that can be drawn, or a network far below collapse, where λ is nearest to a thousandth.
function preferred(cells) {
  const above = (cell) => (isRelu(cell) && cell.collapse ? cell.loss / cell.collapse : 1);
  const rank = (cell) => (isRelu(cell) ? 3 : [3, 2].indexOf(cell.rank) + 1 || 3);
  const order = (a, b) => rank(a) - rank(b) || fieldDistance.reg(a, 1e-3) - fieldDistance.reg(b, 1e-3) || above(a) - above(b) || a.L - b.L;
  return cells.reduce((best, cell) => (order(cell, best) < 0 ? cell : best));
}
