// Follows a series on its way from the PACS.

import { words } from "./words.js";

const EVERY_MS = 500;
const UNDER_WAY = ["waiting", "fetching", "reading"];
const { address } = document.getElementById("fetch").dataset;
const text = document.getElementById("fetch-text");
const bar = document.getElementById("fetch-bar");

async function look() {
  let now;
  try {
    now = await fetch(address, { headers: { "X-Requested-With": "fetch" } }).then((answer) => answer.json());
  } catch {
    setTimeout(look, 4 * EVERY_MS); // the server is away for a moment
    return;
  }
  if (!UNDER_WAY.includes(now.state)) {
    location.replace(now.state === "done" ? now.scan : address); // so that "back" leads to the search
    return;
  }
  const said = words(now.state, now);
  if (text.textContent !== said) text.textContent = said;
  bar.max = now.total || 1;
  bar.value = now.done;
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
