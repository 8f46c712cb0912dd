// On the result: a line of known length on the slice, from which the pixel spacing follows.

import { offerSpacing, word } from "./spacing.js";

const SVG = "http://www.w3.org/2000/svg";
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAST = 10; // times a step, with Shift

const byId = (id) => document.getElementById(id);

function make(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

class Line {
  constructor(image, form) {
    const { width, height } = image.viewBox.baseVal;
    Object.assign(this, { image, width, height, mmPerUnit: Number(form.dataset.mmPerUnit), pixelMm: Number(form.dataset.mm) });
    this.ends = { a: { x: 0.35 * width, y: height / 2 }, b: { x: 0.65 * width, y: height / 2 } };
    this.group = make("g", { class: "measured-line" });
    const hidden = { "vector-effect": "non-scaling-stroke", "aria-hidden": "true" };
    this.lines = ["under", "over"].map((kind) => make("line", { class: kind, ...hidden }));
    this.group.append(...this.lines);
    this.handles = Object.fromEntries(Object.keys(this.ends).map((name) => [name, this.handle(name)]));
    this.abort = new AbortController();
    this.told = null;
  }

  handle(name) {
    const circle = make("circle", { r: this.width / 60, tabindex: 0, role: "button", "aria-label": word(`end-${name}`) });
    circle.dataset.end = name;
    circle.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      const by = event.shiftKey ? FAST : 1;
      this.put(name, { x: this.ends[name].x + step[0] * by, y: this.ends[name].y + step[1] * by });
    });
    this.group.append(circle);
    return circle;
  }

  show(told) {
    this.told = told;
    this.image.setAttribute("role", "group"); // as an image, it could hold nothing to press
    this.image.classList.add("is-measured");
    this.image.append(this.group);
    const { signal } = this.abort;
    let held = null;
    this.image.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.image.setPointerCapture(event.pointerId);
      held = event.target.dataset.end || "b";
      if (!event.target.dataset.end) this.put("a", this.under(event));
      this.put(held, this.under(event));
    }, { signal });
    this.image.addEventListener("pointermove", (event) => held && this.put(held, this.under(event)), { signal });
    for (const name of ["pointerup", "pointercancel"]) this.image.addEventListener(name, () => (held = null), { signal });
    this.draw();
    this.handles.a.focus();
  }

  hide() {
    this.abort.abort();
    this.group.remove();
    this.image.setAttribute("role", "img");
    this.image.classList.remove("is-measured");
  }

  under(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.image.getScreenCTM().inverse());
  }

  put(name, { x, y }) {
    this.ends[name] = { x: Math.min(Math.max(x, 0), this.width), y: Math.min(Math.max(y, 0), this.height) };
    this.draw();
  }

  draw() {
    const { a, b } = this.ends;
    for (const line of this.lines) for (const [name, value] of Object.entries({ x1: a.x, y1: a.y, x2: b.x, y2: b.y })) line.setAttribute(name, value);
    for (const [name, circle] of Object.entries(this.handles)) {
      circle.setAttribute("cx", this.ends[name].x);
      circle.setAttribute("cy", this.ends[name].y);
    }
    const mm = Math.hypot(a.x - b.x, a.y - b.y) * this.mmPerUnit;
    this.told({ mm, px: mm / this.pixelMm });
  }
}

function setUp() {
  const [image, form] = [byId("slice-image"), byId("spacing-form")];
  if (!image || !form) return;
  let line = null;
  const offered = offerSpacing({
    pixelMm: Number(form.dataset.mm),
    begin: (on) => {
      line?.hide();
      line = on ? new Line(image, form) : null;
      line?.show((length) => offered.measured(length));
    },
  });
}

setUp();
document.addEventListener("swapped", setUp); // another model came to the front
