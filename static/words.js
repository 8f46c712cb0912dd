// The page's own words: sentences of its <template id="words">, with names in braces where something is filled in.

const all = document.getElementById("words").content;
const point = (0.5).toLocaleString(document.documentElement.lang).charAt(1); // a comma in German
const find = (name) => all.querySelector(`[data-word="${name}"]`);

export function words(name, values = {}) {
  return find(name).textContent.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// A number as the page's language writes it; one that a field or the server gets keeps its point.
export function written(value, decimals) {
  const text = decimals === undefined ? String(value) : value.toFixed(decimals);
  return text.replace("-", "−").replace(".", point);
}

// The whole element, for one with more in it than text.
export function copyOf(name) {
  return find(name).cloneNode(true);
}
