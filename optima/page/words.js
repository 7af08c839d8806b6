"use strict";
const atlas = JSON.parse(document.getElementById("atlas").textContent);
const SVG = "http://www.w3.org/2000/svg";
const element = (id) => document.getElementById(id);

// A cell counts as proved when its bound is as near as this, relative to its loss.
const PROVED = 0.01;

function make(parent, tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

// Contents are nodes or text, never markup.
function block(tag, name, ...contents) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...contents);
  return made;
}

const structureOf = (cell) => [cell.name, cell.match].filter(Boolean).join(" ");
const plain = (name) => name.replace(/-(?=[a-z])|(?<=[a-z])-(?=\d)/g, " ");
const short = (value) => Number(value.toPrecision(6)).toString();
const gap = (cell) => (cell.lower === null ? Infinity : Math.max(0, 1 - cell.lower / cell.loss));
const isProved = (cell) => gap(cell) <= PROVED;

function raised(exponent) {
  return "10" + [...String(exponent)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
}

// 10⁻³, 2.7 × 10⁻⁴, or 0.05 as it is.
function power(value, digits = 3) {
  const [mantissa, exponent] = Number(value.toPrecision(digits)).toExponential().split("e").map(Number);
  if (mantissa === 1) return raised(exponent);
  return exponent < -2 || exponent > 3 ? `${mantissa}\u00a0×\u00a0${raised(exponent)}` : short(Number(value.toPrecision(digits)));
}

function percent(share) {
  const value = 100 * share;
  return value < 0.01 ? "less than 0.01 %" : `${Number(value.toPrecision(value < 1 ? 2 : 3))} %`;
}

// Rounded up, so that what is said of a bound is true.
function atMost(value, digits) {
  const unit = 10 ** (Math.floor(Math.log10(value)) - digits + 1);
  return Number((Math.ceil(value / unit - 1e-9) * unit).toPrecision(digits));
}

function settingWords(at) {
  const parts = new URLSearchParams(at), found = [];
  if (parts.has("n")) found.push(`n = ${parts.get("n").replaceAll(",", ", ")}`);
  if (parts.has("d")) found.push(`width d = ${parts.get("d")}`);
  if (parts.has("loss")) found.push("squared error");
  if (parts.has("activation")) found.push("relu networks");
  return found.join(", ") || "one sample a class, cross-entropy, any width";
}

// How the loss compares with deep neural collapse; "" where that has no formula.
function againstCollapse(cell) {
  if (cell.collapse === null) return "";
  const below = 1 - cell.loss / cell.collapse;
  if (cell.name === atlas.collapse[isRelu(cell) ? "relu" : isSquared(cell) ? "mse" : "ce"]) return "This is deep neural collapse";
  if (Math.abs(below) < 1e-9 && cell.rank === 0) return "Neural collapse shrinks to zero, too";
  if (Math.abs(below) < 1e-9) return "As cheap as neural collapse";
  return below > 0 ? `${percent(below)} below neural collapse` : `${percent(-below)} above neural collapse`;
}

const isSquared = (cell) => new URLSearchParams(cell.at).get("loss") === "mse";

function boundWords(cell) {
  const far = gap(cell);
  if (far <= PROVED) {
    const to = 10 ** Math.ceil(Math.log10(Math.max(far, 1e-12)) - 1e-9);
    return `Proved to ${to.toExponential()}: no parameters have a loss that is lower by more than that part.`;
  }
  const known = "The best minimum known. It is not proved that nothing is better: ";
  if (!(cell.lower > 0)) return `${known}no lower bound above zero is known here.`;
  const ratio = cell.loss / cell.lower;
  const times = ratio < 1.1 ? `${atMost(100 * (ratio - 1), 2)} % above` : `${atMost(ratio, 3)} times`;
  return `${known}the loss is at most ${times} the bound, and a loss down to ${power(cell.lower)} is not excluded.`;
}

const SHAPES = {
  zero: "All logits are zero: λ is so large that no signal is worth its price.",
  simplex: "All classes are equally far from each other: deep neural collapse.",
  frame: "Each class has its own axis, at right angles to all others: neural collapse for squared error.",
  pairs: "Classes come in opposite pairs, and each pair has an axis of its own.",
  "pairs-free": "Opposite pairs, each on its own axis, and one class at the centre.",
  polygon: "Classes lie evenly around a circle.",
  unnamed: "A code that no formula names.",
};

function shapeWords(cell) {
  if (isRelu(cell)) return networkWords(cell);
  const solid = cell.rank === 3 && cell.hull.length ? "The classes are the corners of a polyhedron." : "";
  const known = Object.hasOwn(SHAPES, cell.name) ? SHAPES[cell.name] : solid;
  const most = isSquared(cell) ? cell.K : cell.K - 1;
  const dimensions = cell.rank === 0 ? "" : `It takes ${cell.rank} dimension${cell.rank > 1 ? "s" : ""}${
    cell.rank < most ? ` instead of ${most}` : ""}.`;
  return [known, dimensions].filter(Boolean).join(" ");
}

function networkWords(cell) {
  if (cell.rank === 0) return SHAPES.zero;
  const known = atlas.said[cell.shape] || (cell.name === "unnamed" ? "A network that no formula names" : `A named network, ${plain(cell.name)}`);
  const narrow = cell.rank < cell.K
    ? `The narrowest of its layers has rank ${cell.rank} instead of ${cell.K}.`
    : "No layer has a rank below the number of classes.";
  // Off the diagonal M₂ may be negative, which the relu cuts off.
  const free = cell.name === atlas.collapse.relu && cell.rank < cell.K
    ? ` Before the activation M₂ is not unique here: every rank from ${Math.ceil(cell.K / 2)} to ${cell.K} costs the same.` : "";
  return `${known[0].toUpperCase()}${known.slice(1)}. ${narrow}${free}`;
}

function summary(cell) {
  const parts = [`L = ${cell.L}, λ = ${power(cell.reg)}: ${plain(cell.name)}, ${rankWord(cell)} ${cell.rank}`, `loss ${short(cell.loss)}`];
  const against = againstCollapse(cell);
  if (against) parts.push(against[0].toLowerCase() + against.slice(1));
  parts.push(isProved(cell) ? "proved" : "best minimum known");
  return parts.join(", ");
}
