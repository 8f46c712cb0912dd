// The result: another model in front without leaving the page, the map switched and faded, printing.
"use strict";

(() => {
  const result = document.getElementById("result");
  const said = document.getElementById("said");
  const address = () => location.pathname + location.search;
  let asked = 0;
  let here = address();

  /* The map over the patch. */

  function applyMap() {
    const map = document.getElementById("overlay");
    const isOn = document.getElementById("overlay-on");
    const opacity = document.getElementById("overlay-opacity");
    if (!map || !isOn) return;
    map.style.display = isOn.checked ? "" : "none";
    map.style.opacity = opacity.value / 100;
    opacity.disabled = !isOn.checked;
  }

  result.addEventListener("input", (event) => {
    if (event.target.id === "overlay-opacity") applyMap();
    if (event.target.id !== "overlay-on") return;
    if (document.getElementById("overlay")) applyMap();
    else show(event.target.dataset.href); // the page came without a map
  });

  /* Another model in front: the same address gives the page, its answer takes the place of this one. */

  const changed = (field) =>
    field.type === "checkbox" || field.type === "radio"
      ? field.checked !== field.defaultChecked
      : field.type === "range" && field.value !== field.defaultValue;

  // What was set stays set, what was opened open; calculators in use are taken over as they are.
  function carryOver(next) {
    for (const part of result.querySelectorAll("[data-fold][open]")) {
      const twin = next.querySelector(`[data-fold=${part.dataset.fold}]`);
      if (twin) twin.open = true;
    }
    for (const field of result.querySelectorAll(".steering input")) {
      const twin = changed(field) && next.querySelector(`#${field.id}`);
      if (twin) Object.assign(twin, { value: field.value, checked: field.checked });
    }
    const old = result.querySelector(".calculators");
    const twin = next.querySelector(".calculators");
    if (old && twin && old.querySelector("details[open]")) twin.replaceWith(old);
  }

  function swap(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const next = page.getElementById("result");
    if (!next) throw new Error("no result");
    const focused = result.contains(document.activeElement) ? document.activeElement.id : "";
    const anchor = focused && document.getElementById(focused);
    const top = anchor ? anchor.getBoundingClientRect().top : 0;
    carryOver(next);
    result.replaceChildren(...next.childNodes);
    const explanations = page.getElementById("explanations");
    if (explanations) document.getElementById("explanations")?.replaceWith(explanations);
    result.dataset.said = next.dataset.said;
    document.title = page.title;
    document.dispatchEvent(new Event("swapped"));
    applyMap();
    const again = focused && document.getElementById(focused);
    if (again) {
      again.focus({ preventScroll: true });
      scrollBy({ top: again.getBoundingClientRect().top - top, behavior: "instant" });
    }
    said.textContent = result.dataset.said;
  }

  async function show(link, isNew = true) {
    const turn = ++asked;
    result.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(link, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (turn !== asked) return; // another was asked for meanwhile
      swap(text);
      if (isNew) history.pushState(null, "", link);
      here = address();
    } catch {
      if (turn === asked) location.assign(link); // the browser shows what is wrong
    } finally {
      if (turn === asked) result.removeAttribute("aria-busy");
    }
  }

  result.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) print();
    const link = event.target.closest("a[data-in-place]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (!link.hasAttribute("aria-current")) show(link.href);
  });
  addEventListener("popstate", () => address() !== here && show(location.href, false)); // not a jump within the page
  applyMap();
})();
