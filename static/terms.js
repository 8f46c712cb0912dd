// Explains the terms of a page in place: on hover, on keyboard focus and on the first touch. Without it they are
// links to the glossary with a title.
"use strict";

(() => {
  const bubble = document.createElement("p");
  bubble.className = "explained";
  bubble.id = "explained";
  bubble.setAttribute("role", "tooltip");
  bubble.hidden = true;
  document.body.append(bubble);
  let shown = null;

  const termOf = (target) => (target instanceof Element ? target.closest(".term") : null);

  function show(term) {
    if (term === shown) return;
    hide();
    shown = term;
    // The browser's own bubble would come on top.
    if (term.title) term.dataset.words = term.title;
    term.removeAttribute("title");
    bubble.textContent = term.dataset.words;
    term.setAttribute("aria-describedby", bubble.id);
    bubble.hidden = false;
    const box = term.getClientRects()[0] || term.getBoundingClientRect();
    const widest = document.documentElement.clientWidth - bubble.offsetWidth - 12;
    const below = box.bottom + 6;
    const above = box.top - bubble.offsetHeight - 6;
    const fits = below + bubble.offsetHeight < document.documentElement.clientHeight || above < 0;
    bubble.style.left = `${Math.max(12, Math.min(box.left, widest)) + scrollX}px`;
    bubble.style.top = `${(fits ? below : above) + scrollY}px`;
  }

  function hide() {
    if (!shown) return;
    shown.title = shown.dataset.words;
    shown.removeAttribute("aria-describedby");
    shown = null;
    bubble.hidden = true;
  }

  // The bubble stays while the pointer is on it, so that it can be read and enlarged.
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse" || bubble.contains(event.target)) return;
    const term = termOf(event.target);
    if (term) show(term);
    else if (shown && shown !== document.activeElement) setTimeout(() => bubble.matches(":hover") || shown?.matches(":hover, :focus") || hide(), 250);
  });
  document.addEventListener("focusin", (event) => {
    const term = termOf(event.target);
    if (term) show(term);
    else hide();
  });
  document.addEventListener("focusout", (event) => termOf(event.target) && hide());
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  // A finger has no hover: the first touch explains, the second follows the link.
  let touched = null;
  document.addEventListener("pointerdown", (event) => {
    const term = termOf(event.target);
    touched = event.pointerType === "touch" && term !== shown ? term : null;
    if (!term && !bubble.contains(event.target)) hide();
  });
  document.addEventListener("click", (event) => {
    const term = termOf(event.target);
    if (!term || term !== touched) return;
    event.preventDefault();
    touched = null;
    show(term);
  });
})();
