function drawFacts() {
  const cell = shown, against = againstCollapse(cell);
  const parts = [
    block("h2", "", plain(cell.name)),
    block("p", "note", `K = ${cell.K} classes, depth L = ${cell.L}, λ = ${power(cell.reg)}${cell.at && `, ${settingWords(cell.at)}`}`),
  ];
  if (against) parts.push(block("p", "headline", against));
  parts.push(block("p", "", shapeWords(cell)), block("p", isProved(cell) ? "bound proved" : "bound", boundWords(cell)));
  parts.push(...pictures(cell));
  if (cell.ladder.length) {
    const what = isRelu(cell) ? "network with a formula of each middle rank" : "structure with a formula in each number of dimensions";
    const note = `The best ${what}; in bold what the search found.`;
    parts.push(block("h3", "", `The ladder of ${rankWord(cell)}s`), block("p", "note", note), ladderTable(cell));
  }
  parts.push(block("h3", "", "In numbers"), numbers(cell), block("h3", "", "Take it with you"), ...takeAway(cell));
  const up = block("a", "", "↑ back to the diagram");
  up.id = "up";
  up.href = address(cell);
  up.addEventListener("click", (event) => {
    event.preventDefault();
    element("map").scrollIntoView();
  });
  element("cell").replaceChildren(...parts, up);
}

function pictures(cell) {
  if (isRelu(cell)) {
    if (cell.rank === 0) return [];
    const note = "Before the activation: a row for each neuron, a column for each class, similar classes side by side. "
      + "Yellow is positive and passes the relu, blue is negative and is cut off, grey is zero.";
    return [block("h3", "", "Layer by layer"), block("p", "note", note), layerPictures(cell)];
  }
  const found = block("div", "pictures");
  if (cell.rank === 2 || cell.rank === 3) found.append(codePicture(cell));
  found.append(heatMap(cell));
  return [found];
}

function numbers(cell) {
  const rows = [
    ["loss", cell.loss.toPrecision(12)],
    ["neural collapse", cell.collapse === null ? "no formula for it here" : cell.collapse.toPrecision(12)],
    ["lower bound", cell.lower === null ? "not computed" : `${cell.lower && cell.lower.toPrecision(10)} (${atlas.said[cell.proof]})`],
    [isRelu(cell) ? "singular values of the logits" : "singular values", cell.spectrum.map(([value, count]) => `${value} × ${count}`).join(", ") || "none"],
    ["recognised as", structureOf(cell)],
    ["known by", `${atlas.said[cell.kind]}; ${atlas.said[cell.known]}`],
  ];
  const below = cell.named === null ? 0 : 1 - cell.loss / cell.named;
  if (isRelu(cell)) rows.splice(3, 0, ["ranks of M₂, M₃, …", cell.ranks.map(([before]) => before).join(", ")]);
  if (below > 1e-9) rows.splice(2, 0, ["best named structure", `${cell.named.toPrecision(12)} (${percent(cell.named / cell.loss - 1)} above the loss)`]);
  return block("dl", "", ...rows.flatMap(([term, text]) => [block("dt", "", term), block("dd", "", text)]));
}
