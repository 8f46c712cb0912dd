// Follows a search for nodules; the server renders what is new.

import { words } from "./words.js";

const EVERY_MS = 700;
const UNDER_WAY = ["queued", "running"];

async function ask(address, options) {
  const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" }, ...options });
  return answer.json();
}

// Takes over the section of the suggestions from a freshly rendered page.
async function refresh() {
  const page = await (await fetch(location.href)).text();
  const section = new DOMParser().parseFromString(page, "text/html").getElementById("search");
  const old = document.getElementById("search");
  if (!section) return "";
  const focused = old.contains(document.activeElement);
  old.replaceWith(section);
  if (focused) section.querySelector("button, a")?.focus();
  return section.querySelector("p, button").textContent;
}

export function watchSearch(address, first, changed) {
  let state = first.state;
  let shown = first.candidates.length;

  async function look(options, path = "/search") {
    let now;
    try {
      now = await ask(address + path, options);
    } catch {
      setTimeout(look, 5 * EVERY_MS); // the server is away for a moment
      return;
    }
    if (now.error) return;
    if (now.state !== state || now.candidates.length !== shown) {
      state = now.state;
      shown = now.candidates.length;
      const sentence = await refresh();
      changed(now.candidates, now.candidates.length ? words("suggestions", { n: now.candidates.length }) : sentence, state === "done");
    } else if (state === "running" && document.getElementById("search-bar")) { // it may still be on its way
      document.getElementById("search-done").textContent = now.done;
      document.getElementById("search-total").textContent = now.total;
      document.getElementById("search-bar").value = now.done;
      document.getElementById("search-bar").max = now.total;
    }
    if (UNDER_WAY.includes(state)) setTimeout(look, EVERY_MS);
  }

  document.getElementById("steer").addEventListener("submit", (event) => {
    const path = { "search-start": "/search", "search-cancel": "/search/cancel" }[event.submitter.id];
    if (!path) return;
    event.preventDefault();
    event.submitter.disabled = true;
    look({ method: "POST" }, path);
  });
  if (UNDER_WAY.includes(state)) setTimeout(look, EVERY_MS);
}
