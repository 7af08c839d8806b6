// The best named structure of each rank, with what was found where that is another.
function ladder(cell) {
  const rungs = cell.ladder.map(([rank, name, loss]) => ({ rank, name: atlas.said[name], loss, best: false }));
  const same = rungs.find((rung) => rung.rank === cell.rank && rung.name === cell.name);
  if (same) same.best = true;
  else rungs.push({ rank: cell.rank, name: cell.name, loss: cell.loss, best: true });
  return rungs.sort((a, b) => a.rank - b.rank || a.loss - b.loss);
}

function ladderTable(cell) {
  const table = block("table", ""), head = table.createTHead().insertRow(), body = table.createTBody();
  for (const [text, name] of [[rankWord(cell), "number"], [isRelu(cell) ? "network" : "structure", ""], ["loss", "number"], ["above the best", "number"]]) {
    const th = block("th", name, text);
    th.scope = "col";
    head.append(th);
  }
  for (const { rank, name, loss, best } of ladder(cell)) {
    const row = body.insertRow(), above = loss / cell.loss - 1;
    row.className = best ? "best" : "";
    const text = best ? "best known" : Math.abs(above) < 1e-5 ? "the same" : `${above > 0 ? "+" : "−"} ${percent(Math.abs(above))}`;
    row.append(block("td", "number", rank), block("td", "", plain(name).replaceAll("+", "+\u200b")), block("td", "number", short(loss)), block("td", "number", text));
  }
  return table;
}
