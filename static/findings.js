// The table of findings: the time in which a deletion can be undone, and the view that a change comes back to.

import { words } from "./words.js";

const EVERY_MS = 250;

// Shows how long a deleted finding can come back, and takes the offer away at the end.
function countDown(form, say) {
  const end = performance.now() + 1000 * Number(form.dataset.seconds);
  const left = form.querySelector("[data-left]");
  const timer = setInterval(() => {
    const seconds = Math.ceil((end - performance.now()) / 1000);
    if (seconds > 0) {
      left.textContent = words("undo-left", { n: seconds });
      return;
    }
    clearInterval(timer);
    const hadFocus = form.contains(document.activeElement);
    form.remove();
    if (hadFocus) document.getElementById("findings-title").focus({ preventScroll: true });
    say(words("undo-over", { name: form.dataset.name }));
  }, EVERY_MS);
}

// A change comes back to the slice and window that are shown by now.
function sendView(event) {
  const shown = new URLSearchParams(location.search);
  for (const field of event.target.querySelectorAll("input[data-view]")) {
    if (shown.size) field.value = shown.get(field.name) ?? "";
  }
}

// What the address names, the offer to undo or the row that was changed, keeps the focus that the browser gives it.
function focusOn(section) {
  const named = document.getElementById(location.hash.slice(1));
  if (!section.contains(named)) return false;
  named.focus({ preventScroll: true });
  return true;
}

export function followFindings(say) {
  const section = document.getElementById("findings");
  if (!section) return false;
  for (const form of section.querySelectorAll(".undo")) countDown(form, say);
  section.addEventListener("submit", sendView);
  return focusOn(section);
}
