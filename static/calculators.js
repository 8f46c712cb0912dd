// Calculators: a measured size is taken over without a round trip, and what they use is shown as it is answered.
"use strict";

(() => {
  const result = document.getElementById("result");
  const point = (0.5).toLocaleString(document.documentElement.lang)[1]; // of decimals, in the page's language

  const answerOf = (field) => {
    if (field.type === "radio") return field.parentElement.textContent.trim();
    if (field.tagName === "SELECT") return field.value && field.selectedOptions[0].textContent;
    return field.value.trim().replace(".", point);
  };

  result.addEventListener("change", (event) => {
    if (!event.target.closest(".calculators")) return;
    for (const shown of result.querySelectorAll(`[data-value-of="${event.target.name}"]`)) {
      shown.textContent = answerOf(event.target) || "–";
    }
  });

  // The model may have been changed since the form came with the page.
  result.addEventListener("submit", (event) => {
    const model = new URLSearchParams(location.search).get("model");
    if (model && event.target.closest(".calculators")) event.target.elements.model.value = model;
  });

  result.addEventListener("click", (event) => {
    const link = event.target.closest('.calculators a[href^="#asked-"]');
    const folded = link && document.getElementById(link.hash.slice(1)).closest("details");
    if (folded) folded.open = true; // before the browser goes there
    const button = event.target.closest("[data-take]");
    if (!button) return;
    event.preventDefault();
    const field = document.getElementById(button.dataset.into);
    field.value = button.dataset.take;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    field.focus();
  });
})();
