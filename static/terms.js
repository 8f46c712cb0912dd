// Explained terms open on a press by themselves (a popover). Here they also open while the mouse rests on them, and what
// opens on a press takes the focus, so that it is read aloud; Escape closes it and gives the focus back.
"use strict";

(() => {
  const LEAVING_MS = 250; // from the term to its explanation
  const hasPopovers = "popover" in HTMLElement.prototype;
  let shown = null; // the term whose explanation was opened last
  let isHovered = false; // by the mouse alone

  const termOf = (target) => (target instanceof Element ? target.closest(".term") : null);
  const explanationOf = (term) => document.getElementById(term.getAttribute("popovertarget"));
  const isOpen = (explanation) => explanation.matches(":popover-open");

  function show(term) {
    shown = term;
    explanationOf(term).showPopover({ source: term });
  }

  function press(event) {
    const term = termOf(event.target);
    if (!term) return;
    const explanation = explanationOf(term);
    event.preventDefault(); // the browser would close what the mouse has opened
    const isPut = isOpen(explanation) && term === shown && !isHovered; // away
    isHovered = false;
    if (isOpen(explanation)) explanation.hidePopover();
    if (isPut) return;
    term.focus(); // where the focus comes back to
    show(term);
    explanation.focus();
  }

  function rest(event) {
    if (event.pointerType !== "mouse") return;
    const term = termOf(event.target);
    if (term && !isOpen(explanationOf(term))) {
      isHovered = true;
      show(term);
    } else if (isHovered) {
      setTimeout(leave, LEAVING_MS);
    }
  }

  function leave() {
    const explanation = explanationOf(shown);
    if (!isHovered || !explanation || explanation.matches(":hover") || shown.matches(":hover")) return;
    isHovered = false;
    if (isOpen(explanation)) explanation.hidePopover();
  }

  function leaveByTab(event) {
    const explanation = event.target.closest(".explained");
    setTimeout(() => {
      if (explanation && isOpen(explanation) && !explanation.contains(document.activeElement)) explanation.hidePopover();
    });
  }

  function toTheEnd(event) {
    const term = termOf(event.target);
    if (!term) return;
    explanationOf(term).scrollIntoView();
    explanationOf(term).focus();
  }

  if (hasPopovers) {
    document.addEventListener("click", press);
    document.addEventListener("pointerover", rest);
    document.addEventListener("focusout", leaveByTab);
  } else {
    document.addEventListener("click", toTheEnd); // of the page, where all are listed
  }
})();
