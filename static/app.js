// Improves pages that work without it.
"use strict";

document.documentElement.classList.add("js");

// The answer to a form gets an address of its own, so that to load it again sends nothing again.
if (document.body.dataset.here) {
  history.replaceState(null, "", document.body.dataset.here + location.search + location.hash);
}

/* Submission: say so, and take no second press. */

function submitters(form) {
  return form.querySelectorAll("button[type=submit], input[type=image]");
}

function setUpBusy(form) {
  form.addEventListener("submit", (event) => {
    const pressed = event.submitter;
    const shown = pressed && pressed.tagName === "BUTTON" ? pressed : form.querySelector("button.primary");
    // After the event: a disabled button would not be sent along.
    setTimeout(() => {
      form.setAttribute("aria-busy", "true");
      for (const button of submitters(form)) button.disabled = true;
      if (!shown) return;
      shown.dataset.label = shown.textContent;
      shown.textContent = form.dataset.busy;
    }, 0);
  });
  window.addEventListener("pageshow", () => {
    form.removeAttribute("aria-busy");
    for (const button of submitters(form)) {
      button.disabled = false;
      if (button.dataset.label) button.textContent = button.dataset.label;
      delete button.dataset.label;
    }
  });
}

document.querySelectorAll("form[data-busy]").forEach(setUpBusy);
