function drawFacts() {
  const cell = shown, against = againstCollapse(cell);
  const parts = [
    block("h2", "", plain(cell.name)),
    block("p", "note", `K = ${cell.K} classes, depth L = ${cell.L}, λ = ${power(cell.reg)}${cell.at && `, ${settingWords(cell.at)}`}`),
  ];
  if (against) parts.push(block("p", "headline", against));
  parts.push(block("p", "", shapeWords(cell)), block("p", isProved(cell) ? "bound proved" : "bound", boundWords(cell)));
  const pictures = block("div", "pictures");
  if (cell.rank === 2 || cell.rank === 3) pictures.append(codePicture(cell));
  pictures.append(heatMap(cell));
  parts.push(pictures);
  if (cell.ladder.length) {
    const note = "The best structure with a formula in each number of dimensions; in bold what the search found.";
    parts.push(block("h3", "", "The ladder of ranks"), block("p", "note", note), ladderTable(cell));
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

function numbers(cell) {
  const rows = [
    ["loss", cell.loss.toPrecision(12)],
    ["neural collapse", cell.collapse === null ? "no formula for it here" : cell.collapse.toPrecision(12)],
    ["lower bound", cell.lower === null ? "not computed" : `${cell.lower && cell.lower.toPrecision(10)} (${atlas.said[cell.proof]})`],
    ["singular values", cell.spectrum.map(([value, count]) => `${value} × ${count}`).join(", ") || "none"],
    ["recognised as", structureOf(cell)],
    ["known by", `${atlas.said[cell.kind]}; ${atlas.said[cell.known]}`],
  ];
  const below = cell.named === null ? 0 : 1 - cell.loss / cell.named;
  if (below > 1e-9) rows.splice(2, 0, ["best named structure", `${cell.named.toPrecision(12)} (${percent(cell.named / cell.loss - 1)} above the loss)`]);
  return block("dl", "", ...rows.flatMap(([term, text]) => [block("dt", "", term), block("dd", "", text)]));
}
