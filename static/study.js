// Whose study this is: fetched when it is opened, taken off the page when it is closed.
"use strict";

(() => {
  const whose = document.getElementById("whose");
  if (!whose) return;
  const shown = document.getElementById("whose-shown");
  const link = document.getElementById("to-study");

  whose.addEventListener("toggle", async () => {
    shown.replaceChildren(link);
    if (!whose.open) return;
    try {
      const answer = await fetch(link.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const header = page.getElementById("study-header");
      if (whose.open && header) shown.replaceChildren(header);
    } catch {
      // the link stays: its page says what is wrong
    }
  });
})();
