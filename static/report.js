// The report: its text to the clipboard, and the study date onto the printed page.
"use strict";

(() => {
  const text = document.getElementById("text");
  if (!text) return;
  const copied = document.getElementById("copied");

  // Without a secure connection there is no clipboard; then the text is at least selected.
  async function copy() {
    text.focus();
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      copied.textContent = copied.dataset.done;
    } catch {
      copied.textContent = document.execCommand("copy") ? copied.dataset.done : copied.dataset.selected;
    }
  }
  document.getElementById("copy").addEventListener("click", copy);
  document.getElementById("print").addEventListener("click", () => print());

  const given = document.getElementById("study_date");
  const printed = document.getElementById("printed-date");
  function showDate() {
    printed.hidden = !given.value;
    printed.querySelector("strong").textContent = given.value;
  }
  given.addEventListener("input", showDate);
  window.addEventListener("pageshow", showDate);
})();
