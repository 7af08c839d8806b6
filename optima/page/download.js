function button(text, act) {
  const made = block("button", "", text);
  made.type = "button";
  made.addEventListener("click", () => act(made));
  return made;
}

function takeAway(cell) {
  const python = asPython(cell), text = block("pre", "", python);
  const file = `optima-K${cell.K}${cell.at && `-${cell.at.replace(/[^a-z0-9]+/g, "-")}`}`, one = `${file}-L${cell.L}-reg${regText(cell)}`;
  return [
    block(
      "div",
      "buttons",
      button("This cell's logits (CSV)", () => save(`${one}.csv`, "text/csv", asCsv(logitsOf(cell)))),
      button("This cell (JSON)", () => save(`${one}.json`, "application/json", asJson([cell]))),
      button("This diagram (CSV)", () => save(`${file}.csv`, "text/csv", diagramCsv())),
      button("This diagram (JSON)", () => save(`${file}.json`, "application/json", asJson(sliceCells(sliceOf(cell))))),
    ),
    block("p", "note", digitsWords(cell)),
    text,
    block("div", "buttons", button("Copy as Python", (pressed) => copy(python, text, pressed)), button("Copy the link", (pressed) => copy(location.href, pressed, pressed))),
  ];
}

function digitsWords(cell) {
  const digits = `Logits have ${isRelu(cell) ? "four" : "five"} digits here`;
  // What a search alone may miss.
  if (atlas.said[cell.known].startsWith("one descent from")) return `${digits}; this network was found at another λ, and the lines below search here alone.`;
  return `${digits}; the lines below compute them in full.`;
}

function asPython(cell) {
  const parts = new URLSearchParams(cell.at), rest = [], sizes = parts.get("n");
  if (sizes) rest.push(`samples=${sizes.includes(",") ? `(${sizes.replaceAll(",", ", ")})` : sizes}`);
  if (parts.has("d")) rest.push(`width=${parts.get("d")}`);
  if (isSquared(cell)) rest.push('loss="mse"');
  if (isRelu(cell)) rest.push('activation="relu"');
  const problem = `optima.DeepUFM(${[cell.K, cell.L, cell.reg, ...rest].join(", ")})`;
  const effort = cell.effort === "normal" ? "" : `, effort="${cell.effort}"`;
  return `import optima\n\nsolution = optima.solve(${problem}, seed=${cell.seed}${effort})\nprint(solution)\n`;
}

function save(name, type, text) {
  const link = document.createElement("a"), url = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.href = url;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

async function copy(text, source, pressed) {
  try {
    await navigator.clipboard.writeText(text);
    pressed.textContent = "Copied";
  } catch {
    // Pages from a file may not write to the clipboard.
    if (source === pressed) {
      pressed.textContent = "Copy it from the address bar";
      return;
    }
    getSelection().selectAllChildren(source);
    pressed.textContent = "Selected: copy with your keyboard";
  }
}

// Text that a spreadsheet would run as a formula begins with an apostrophe.
function field(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  return `"${value.replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
}

const asCsv = (rows) => rows.map((row) => row.map(field).join(",") + "\n").join("");

const COLUMNS = {
  classes: (cell) => cell.K,
  depth: (cell) => cell.L,
  reg: (cell) => cell.reg,
  samples: (cell) => new URLSearchParams(cell.at).get("n") ?? "1",
  width: (cell) => new URLSearchParams(cell.at).get("d"),
  objective: (cell) => (isSquared(cell) ? "mse" : "ce"),
  activation: (cell) => (isRelu(cell) ? "relu" : "linear"),
  loss: (cell) => cell.loss,
  structure: structureOf,
  rank: (cell) => cell.rank,
  best_named_loss: (cell) => cell.named,
  neural_collapse_loss: (cell) => cell.collapse,
  lower_bound: (cell) => cell.lower,
  kind: (cell) => atlas.said[cell.kind],
  known_by: (cell) => atlas.said[cell.known],
};

const rowOf = (cell) => Object.values(COLUMNS).map((column) => column(cell));

const diagramCsv = () => asCsv([Object.keys(COLUMNS), ...sliceCells(sliceOf(shown)).map(rowOf)]);

function asJson(cells) {
  const found = cells.map((cell) => ({
    ...Object.fromEntries(Object.entries(COLUMNS).map(([name, column]) => [name, column(cell)])),
    singular_values: cell.spectrum.flatMap(([value, count]) => Array(count).fill(value)),
    logits: logitsOf(cell),
    ...(isRelu(cell) ? { preactivations: cell.layers.slice(0, -1) } : {}),
  }));
  return JSON.stringify({ cells: found }, null, 1);
}
