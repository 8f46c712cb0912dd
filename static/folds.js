// Parts that fold: what a link leads to opens, what a person opened stays open on the next page, and all are open on paper.
"use strict";

(() => {
  const KEPT = "folds"; // in the session of this tab: names of parts, and whether they are open
  // All but the study's own header, which is shown on wish alone.
  const parts = () => [...document.getElementById("main").querySelectorAll("details:not(.whose)")];
  const folds = () => parts().filter((part) => part.dataset.fold);

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT)) || {};
    } catch {
      return {}; // no storage is allowed, or it holds something else
    }
  }

  function keep(changed) {
    const now = kept();
    for (const part of changed) if (part.dataset.fold) now[part.dataset.fold] = part.open;
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(now));
    } catch {
      // then they are closed on the next page
    }
  }

  function restore() {
    const opened = kept();
    for (const part of folds()) if (opened[part.dataset.fold]) part.open = true;
    tell();
  }

  // Opens what the address leads to, and all that it lies in.
  function open(name) {
    const target = name && document.getElementById(name);
    if (!target || !target.closest("details")) return;
    for (const part of parts()) if (part.contains(target)) part.open = true;
    target.scrollIntoView();
  }

  /* All at once. */

  const isAllOpen = () => folds().every((part) => part.open);

  function tell() {
    const button = document.getElementById("expand-all");
    if (!button) return;
    const [expand, collapse] = button.children;
    expand.hidden = isAllOpen();
    collapse.hidden = !expand.hidden;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href*='#']");
    if (link && link.hash && link.pathname === location.pathname && link.search === location.search) {
      setTimeout(() => open(decodeURIComponent(link.hash.slice(1)))); // also when the address has it already
    }
    const summary = event.target.closest("summary");
    if (summary) setTimeout(() => keep([summary.parentElement]));
    if (!event.target.closest("#expand-all")) return;
    const opened = !isAllOpen();
    for (const part of parts()) part.open = opened;
    keep(folds());
  });
  document.addEventListener("toggle", tell, true);

  /* On paper. */

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = parts().filter((part) => !part.open && part.matches(".fold,.answered"));
    for (const part of closed) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
  });

  addEventListener("hashchange", () => open(decodeURIComponent(location.hash.slice(1))));
  document.addEventListener("swapped", tell);
  restore();
  open(decodeURIComponent(location.hash.slice(1)));
})();
