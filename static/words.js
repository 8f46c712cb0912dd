// The page's own words: sentences of its <template id="words">, with names in braces where something is filled in.

const all = document.getElementById("words").content;
const find = (name) => all.querySelector(`[data-word="${name}"]`);

export function words(name, values = {}) {
  return find(name).textContent.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// The whole element, for one with more in it than text.
export function copyOf(name) {
  return find(name).cloneNode(true);
}
