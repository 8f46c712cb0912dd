// Coronal and sagittal views beside the slice, with a crosshair that all three share.

import { pictureUrl } from "./slices.js";

const SVG = "http://www.w3.org/2000/svg";
const PAGE = 10; // planes that Page up and Page down move by

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// One of the two. Its svg is drawn in mm: from the left, and from the highest slice down.
class PlaneView {
  constructor(name, facts) {
    Object.assign(this, { name, facts, geometry: facts.planes[name], element: document.getElementById(name) });
    this.image = this.element.querySelector("image");
    this.lines = this.element.querySelector("g");
    this.width = this.geometry.cols * this.geometry.col_mm;
    this.height = this.geometry.rows * this.geometry.step_mm;
    this.image.setAttribute("width", this.width);
    this.image.setAttribute("height", this.height);
    Object.assign(this, { url: null, wanted: null, isLoading: false });
  }

  // The part that is shown: all slices, and across them the lungs or everything.
  frame(lungs) {
    const { width, height } = this.facts;
    const [low, size, whole] = lungs ? (this.name === "coronal" ? [lungs[0], lungs[2], width] : [lungs[1], lungs[3], height]) : [0, 1, 1];
    const scale = this.width / whole;
    this.element.setAttribute("viewBox", `${low * scale} 0 ${size * scale} ${this.height}`);
  }

  // Shares (0 to 1) of the slice's picture across which this plane counts: along it, and through it.
  shares({ x, y }) {
    const { width, height } = this.facts;
    return this.name === "coronal" ? { along: x / width, through: y / height } : { along: y / height, through: x / width };
  }

  get count() {
    const { rows, cols, turns } = this.facts;
    const [down, across] = turns.transpose ? [cols, rows] : [rows, cols];
    return this.name === "coronal" ? down : across;
  }

  mmOfSlice(slice) {
    return this.geometry.top_mm - this.facts.positions[slice] + this.geometry.step_mm / 2;
  }

  sliceAt(mm) {
    const z = this.geometry.top_mm + this.geometry.step_mm / 2 - mm;
    const { positions } = this.facts;
    return positions.reduce((best, at, i) => (Math.abs(at - z) < Math.abs(positions[best] - z) ? i : best), 0);
  }

  show(at, slice, view) {
    const { along, through } = this.shares(at);
    const index = clamp(Math.floor(through * this.count), 0, this.count - 1);
    this.load(pictureUrl(`${this.facts.address}/${this.name}/${index}.png`, view));
    this.element.dataset.index = index;
    this.element.dataset.slice = slice;
    const [x, y] = [along * this.width, this.mmOfSlice(slice)];
    const other = this.name === "coronal" ? "sagittal" : "coronal";
    this.lines.replaceChildren(
      line("cross-axial", { x1: 0, x2: this.width, y1: y, y2: y }),
      line(`cross-${other}`, { x1: x, x2: x, y1: 0, y2: this.height }),
    );
  }

  // One at a time, and of those asked for meanwhile the last; while it is on its way, the one before stays.
  async load(url) {
    this.wanted = url;
    if (this.isLoading) return;
    this.isLoading = true;
    try {
      while (this.url !== this.wanted) {
        const picture = new Image();
        const next = this.wanted;
        picture.src = next;
        await picture.decode();
        this.url = next;
        this.image.setAttribute("href", next);
        this.element.dataset.shown = next;
      }
    } catch {
      // the slice beside it says that the scan is gone
    } finally {
      this.isLoading = false;
    }
  }

  // The place under a pointer: a share along the plane, and a slice.
  under(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.element.getScreenCTM().inverse());
    return { along: clamp(at.x / this.width, 0, 0.9999), slice: this.sliceAt(at.y) };
  }
}

function line(kind, ends) {
  const made = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ class: kind, "vector-effect": "non-scaling-stroke", ...ends })) made.setAttribute(name, value);
  return made;
}

export class Planes {
  // `host` gives `at()`, the crosshair {x, y} in the picture; `slice()`; `view()`; `lungs()`; and takes
  // `move(at, slice)`, `mark()`.
  constructor(facts, host) {
    Object.assign(this, { facts, host, isOn: false });
    this.views = Object.keys(facts.planes).map((name) => new PlaneView(name, facts));
    for (const view of this.views) this.listen(view);
  }

  switch(on) {
    this.isOn = on;
    document.getElementById("planes").hidden = !on;
    document.getElementById("views").classList.toggle("has-planes", on);
    document.getElementById("show-planes").setAttribute("aria-pressed", on);
    this.draw();
  }

  draw() {
    if (!this.isOn) return;
    for (const view of this.views) {
      view.frame(this.host.lungs());
      view.show(this.host.at(), this.host.slice(), this.host.view());
    }
  }

  listen(view) {
    const { element } = view;
    const follow = (event) => {
      const { along, slice } = view.under(event);
      this.move(view, { along }, slice);
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      element.setPointerCapture(event.pointerId);
      element.focus({ preventScroll: true });
      follow(event);
    });
    element.addEventListener("pointermove", (event) => element.hasPointerCapture(event.pointerId) && follow(event));
    element.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.through(view, Math.sign(event.deltaY));
      },
      { passive: false },
    );
    element.addEventListener("keydown", (event) => this.press(view, event));
  }

  // Moves the crosshair to shares along and through one of the planes, and to a slice.
  move(view, shares, slice) {
    const { along, through } = { ...view.shares(this.host.at()), ...shares };
    const [across, down] = view.name === "coronal" ? [along, through] : [through, along];
    const keep = (share) => clamp(share, 0, 0.9999);
    this.host.move({ x: keep(across) * this.facts.width, y: keep(down) * this.facts.height }, clamp(slice, 0, this.facts.count - 1), view.name);
  }

  through(view, steps) {
    const { through } = view.shares(this.host.at());
    this.move(view, { through: through + steps / view.count }, this.host.slice());
  }

  press(view, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const slice = this.host.slice();
    const { along } = view.shares(this.host.at());
    const step = 1 / view.geometry.cols;
    const acts = {
      ArrowUp: () => this.move(view, {}, slice + 1),
      ArrowDown: () => this.move(view, {}, slice - 1),
      ArrowLeft: () => this.move(view, { along: along - step * (event.shiftKey ? 1 : 4) }, slice),
      ArrowRight: () => this.move(view, { along: along + step * (event.shiftKey ? 1 : 4) }, slice),
      PageUp: () => this.through(view, -PAGE),
      PageDown: () => this.through(view, PAGE),
      Enter: () => this.host.mark(),
    };
    if (!acts[event.key]) {
      this.host.key(event);
      return;
    }
    event.preventDefault();
    acts[event.key]();
  }
}
