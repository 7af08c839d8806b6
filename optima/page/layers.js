// Layer by layer what a relu network computes: neurons down, classes across.
const LETTERS = "₀₁₂₃₄₅₆₇₈₉";
const lowered = (number) => [...String(number)].map((digit) => LETTERS[digit]).join("");
const isRelu = (cell) => Object.hasOwn(cell, "layers");
const rankWord = (cell) => (isRelu(cell) ? "middle rank" : "rank");

function layerPictures(cell) {
  const hidden = cell.layers.slice(0, -1).map((layer, k) => {
    const [before, after] = cell.ranks[k], relu = before === after ? "" : `, after relu ${after}`;
    return layerMap(cell, layer, `M${lowered(k + 2)}: ${layer.length} neuron${layer.length === 1 ? "" : "s"}, rank ${before}${relu}`);
  });
  const rows = cell.order.map((c) => cell.layers.at(-1)[c]);
  return block("div", "layers", ...hidden, layerMap(cell, rows, "Z: the logits"));
}

function layerMap(cell, layer, words) {
  const largest = Math.max(...layer.flat().map(Math.abs)) || 1;
  const picture = colourMap(layer.map((row) => cell.order.map((c) => row[c] / largest)), -1, 1);
  picture.style.aspectRatio = `${cell.K} / ${layer.length}`;
  picture.setAttribute("aria-label", `heat map of ${words}`);
  return withWords(picture, words);
}
