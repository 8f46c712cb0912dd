// The ends of the axes can be dragged; what they come to stands in the form below, which sets them.
"use strict";

(() => {
  const result = document.getElementById("result");
  let dragged = null;

  const at = (svg, event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const ends = (axes) =>
    [...axes.querySelectorAll(".axis-end")].map((end) => [end.getAttribute("cx"), end.getAttribute("cy")].map(Number));

  function move(end, x, y) {
    const axes = end.closest(".axes");
    const number = Number(end.dataset.end);
    end.setAttribute("cx", x);
    end.setAttribute("cy", y);
    for (const line of axes.querySelectorAll(`[data-axis="${number - (number % 2)}"]`)) {
      line.setAttribute(number % 2 ? "x2" : "x1", x);
      line.setAttribute(number % 2 ? "y2" : "y1", y);
    }
    tell(axes);
  }

  function tell(axes) {
    const points = ends(axes);
    const length = (i) => Math.hypot(points[i + 1][0] - points[i][0], points[i + 1][1] - points[i][1]) * axes.dataset.mm;
    const [long, short, all] = ["axes-long", "axes-short", "axes-ends"].map((id) => document.getElementById(id));
    if (!all) return;
    const folded = all.closest("details");
    if (folded) folded.open = true; // the button that sets them is there
    const isTurned = length(2) > length(0); // the longer one is the long axis
    const ordered = isTurned ? [...points.slice(2), ...points.slice(0, 2)] : points;
    long.value = length(isTurned ? 2 : 0).toFixed(1);
    short.value = length(isTurned ? 0 : 2).toFixed(1);
    all.value = ordered.flat().map((value) => value.toFixed(3)).join(" ");
  }

  result.addEventListener("pointerdown", (event) => {
    if (!event.target.matches?.(".axis-end") || !document.getElementById("axes-ends")) return;
    event.preventDefault();
    dragged = event.target;
    dragged.setPointerCapture(event.pointerId);
  });

  result.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const svg = dragged.ownerSVGElement;
    const box = svg.viewBox.baseVal;
    const point = at(svg, event);
    const within = (value, low, length) => Math.min(Math.max(value, low), low + length);
    move(dragged, within(point.x, box.x, box.width), within(point.y, box.y, box.height));
  });

  for (const name of ["pointerup", "pointercancel"]) result.addEventListener(name, () => (dragged = null));

  // What is typed counts, and no longer what was dragged before.
  result.addEventListener("input", (event) => {
    if (["axes-long", "axes-short"].includes(event.target.id)) document.getElementById("axes-ends").value = "";
  });
})();
