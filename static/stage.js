// The dark area in which a slice is shown: zoom, overlay, scale bar, and places from screen to file and back.

import { words, written } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_ZOOM = 12;
const BAR_LENGTHS_MM = [1, 2, 5, 10, 20, 50, 100, 200];

function make(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

export class Stage {
  constructor(element, facts) {
    Object.assign(this, { element, facts });
    this.canvas = document.createElement("canvas");
    element.querySelector("#click").replaceWith(this.canvas);
    this.overlay = element.querySelector("#overlay");
    this.zoom = 1;
    this.fitted = Boolean(facts.lungs); // on the lungs, until someone zooms or pans
    this.middle = { x: facts.width / 2, y: facts.height / 2 };
    this.picture = null;
    this.rings = [];
    this.hair = null;
    this.cross = null; // (x, y) of the other planes, where these are shown
    this.lines = []; // of the ruler: ends a and b in the picture, and a label
    new ResizeObserver(() => this.draw()).observe(element);
  }

  // Screen pixels a pixel of the picture.
  get scale() {
    const { width, height } = this.facts;
    return this.zoom * Math.min(this.element.clientWidth / width, this.element.clientHeight / height);
  }

  // Place (x, y) in the picture under a pointer; null outside the picture.
  under(event) {
    const box = this.element.getBoundingClientRect();
    const x = (event.clientX - box.left - box.width / 2) / this.scale + this.middle.x;
    const y = (event.clientY - box.top - box.height / 2) / this.scale + this.middle.y;
    return x >= 0 && y >= 0 && x < this.facts.width && y < this.facts.height ? { x, y } : null;
  }

  // (row, col) in the file's pixels, to a tenth.
  toFile({ x, y }) {
    const { rows, cols, width, height, turns } = this.facts;
    const [down, across] = turns.transpose ? [cols, rows] : [rows, cols];
    let row = (y * down) / height - 0.5;
    let col = (x * across) / width - 0.5;
    if (turns.flip_rows) row = down - 1 - row;
    if (turns.flip_cols) col = across - 1 - col;
    const tenth = (value, n) => Math.round(Math.min(Math.max(value, 0), n - 1) * 10) / 10;
    return turns.transpose ? { row: tenth(col, rows), col: tenth(row, cols) } : { row: tenth(row, rows), col: tenth(col, cols) };
  }

  toPicture(place) {
    const { rows, cols, width, height, turns } = this.facts;
    const [down, across] = turns.transpose ? [cols, rows] : [rows, cols];
    let [row, col] = turns.transpose ? [place.col, place.row] : [place.row, place.col];
    if (turns.flip_rows) row = down - 1 - row;
    if (turns.flip_cols) col = across - 1 - col;
    return { x: ((col + 0.5) * width) / across, y: ((row + 0.5) * height) / down };
  }

  // The lungs, or the whole slice.
  fit(lungs) {
    this.fitted = lungs && Boolean(this.facts.lungs);
    if (!this.fitted) this.zoom = 1;
    this.draw();
  }

  fitLungs() {
    const [x, y, width, height] = this.facts.lungs;
    const { clientWidth, clientHeight } = this.element;
    const whole = Math.min(clientWidth / this.facts.width, clientHeight / this.facts.height);
    this.zoom = Math.min(Math.max(Math.min(clientWidth / width, clientHeight / height) / whole, 1), MOST_ZOOM);
    this.middle = { x: x + width / 2, y: y + height / 2 };
  }

  zoomTo(zoom, at) {
    if (!(this.scale > 0)) return;
    this.fitted = false;
    const fixed = at || this.middle;
    const before = this.scale;
    this.zoom = Math.min(Math.max(zoom, 1), MOST_ZOOM);
    const share = before / this.scale;
    this.middle = { x: fixed.x + (this.middle.x - fixed.x) * share, y: fixed.y + (this.middle.y - fixed.y) * share };
    this.draw();
  }

  panBy(dx, dy) {
    this.fitted = false;
    this.middle = { x: this.middle.x - dx / this.scale, y: this.middle.y - dy / this.scale };
    this.draw();
  }

  // Moves so little that the place is in sight.
  reveal({ x, y }) {
    const halfWidth = this.element.clientWidth / 2 / this.scale;
    const halfHeight = this.element.clientHeight / 2 / this.scale;
    if (Math.abs(x - this.middle.x) > 0.9 * halfWidth || Math.abs(y - this.middle.y) > 0.9 * halfHeight) {
      this.fitted = false;
      this.middle = { x, y };
    }
    this.draw();
  }

  hold() {
    const keep = (at, length, shown) => (shown >= length ? length / 2 : Math.min(Math.max(at, shown / 2), length - shown / 2));
    this.middle.x = keep(this.middle.x, this.facts.width, this.element.clientWidth / this.scale);
    this.middle.y = keep(this.middle.y, this.facts.height, this.element.clientHeight / this.scale);
    this.element.classList.toggle("is-zoomed", this.zoom > 1 && !this.fitted);
  }

  draw() {
    if (!(this.scale > 0)) return; // not laid out, as in a hidden window
    if (this.fitted) this.fitLungs();
    this.hold();
    const dots = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.element;
    const { canvas, scale, middle } = this;
    if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
      canvas.width = Math.round(width * dots);
      canvas.height = Math.round(height * dots);
    }
    const context = canvas.getContext("2d", { alpha: false });
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#050708";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.setTransform(dots * scale, 0, 0, dots * scale, dots * (width / 2 - middle.x * scale), dots * (height / 2 - middle.y * scale));
    context.imageSmoothingQuality = "high";
    if (this.picture) context.drawImage(this.picture, 0, 0, this.facts.width, this.facts.height);
    Object.assign(this.element.dataset, { scale, left: width / 2 - middle.x * scale, top: height / 2 - middle.y * scale });
    this.drawOverlay(width, height);
    this.drawBar();
    this.onDraw?.();
  }

  drawOverlay(width, height) {
    const { scale, middle } = this;
    const at = ({ x, y }) => [(x - middle.x) * scale + width / 2, (y - middle.y) * scale + height / 2];
    const shapes = [];
    if (this.cross) {
      const [x, y] = at(this.cross);
      shapes.push(make("line", { class: "cross-coronal", x1: 0, y1: y, x2: width, y2: y }));
      shapes.push(make("line", { class: "cross-sagittal", x1: x, y1: 0, x2: x, y2: height }));
    }
    if (this.hair) {
      const [x, y] = at(this.hair);
      const kind = "hair-line" + (this.hair.keyed ? " keyed" : "");
      const gap = this.hair.keyed ? 8 : 14;
      const lines = [[0, y, x - gap, y], [x + gap, y, width, y], [x, 0, x, y - gap], [x, y + gap, x, height]];
      for (const [x1, y1, x2, y2] of lines) shapes.push(make("line", { class: kind, x1, y1, x2, y2 }));
    }
    for (const ring of this.rings) {
      const [cx, cy] = at(this.toPicture(ring));
      const onScreen = (mm) => Math.max(7, (mm / this.facts.mmPerPixel) * scale);
      const r = onScreen(ring.mm);
      const reach = 0.8 * onScreen(Math.max(ring.mm, ring.labelMm));
      const group = make("g", { class: `ring ring-${ring.kind}` });
      group.append(make("circle", { class: "under", cx, cy, r }), make("circle", { class: "over", cx, cy, r }));
      const y = ring.kind === "suggested" ? cy + reach + 11 : cy - reach; // a finding may lie at a suggestion
      if (ring.label) group.append(make("text", { x: cx + reach, y, "font-size": 15 }, ring.label));
      shapes.push(group);
    }
    for (const line of this.lines) {
      const [[x1, y1], [x2, y2]] = [at(line.a), at(line.b)];
      const group = make("g", { class: "ruled" });
      for (const kind of ["under", "over"]) group.append(make("line", { class: kind, x1, y1, x2, y2 }));
      for (const [cx, cy] of [[x1, y1], [x2, y2]]) group.append(make("circle", { class: "end", cx, cy, r: 4 }));
      const right = Math.max(x1, x2) < 0.8 * width;
      const label = { x: right ? Math.max(x1, x2) + 9 : Math.min(x1, x2) - 9, y: (y1 + y2) / 2 + 5 };
      group.append(make("text", { ...label, "font-size": 15, "text-anchor": right ? "start" : "end" }, line.label));
      shapes.push(group);
    }
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.overlay.replaceChildren(...shapes);
  }

  drawBar() {
    const bar = this.element.querySelector("#scale-bar");
    const perMm = this.scale / this.facts.mmPerPixel;
    const longest = Math.min(this.element.clientWidth / 4, 180);
    const length = BAR_LENGTHS_MM.findLast((mm) => mm * perMm <= longest) || BAR_LENGTHS_MM[0];
    bar.querySelector("span").textContent = words(this.facts.assumed ? `bar-${this.facts.assumed}` : "bar", { mm: written(length) });
    bar.querySelector("i").style.width = `${length * perMm}px`;
  }
}
