// The dark area in which a slice is shown: zoom, overlay, scale bar, and places from screen to file and back.

import { words } from "./words.js";

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
    this.middle = { x: facts.width / 2, y: facts.height / 2 };
    this.picture = null;
    this.rings = [];
    this.hair = null;
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

  zoomTo(zoom, at) {
    if (!(this.scale > 0)) return;
    const fixed = at || this.middle;
    const before = this.scale;
    this.zoom = Math.min(Math.max(zoom, 1), MOST_ZOOM);
    const share = before / this.scale;
    this.middle = { x: fixed.x + (this.middle.x - fixed.x) * share, y: fixed.y + (this.middle.y - fixed.y) * share };
    this.draw();
  }

  panBy(dx, dy) {
    this.middle = { x: this.middle.x - dx / this.scale, y: this.middle.y - dy / this.scale };
    this.draw();
  }

  // Moves so little that the place is in sight.
  reveal({ x, y }) {
    const halfWidth = this.element.clientWidth / 2 / this.scale;
    const halfHeight = this.element.clientHeight / 2 / this.scale;
    if (Math.abs(x - this.middle.x) > 0.9 * halfWidth || Math.abs(y - this.middle.y) > 0.9 * halfHeight) this.middle = { x, y };
    this.draw();
  }

  hold() {
    const keep = (at, length, shown) => (shown >= length ? length / 2 : Math.min(Math.max(at, shown / 2), length - shown / 2));
    this.middle.x = keep(this.middle.x, this.facts.width, this.element.clientWidth / this.scale);
    this.middle.y = keep(this.middle.y, this.facts.height, this.element.clientHeight / this.scale);
    this.element.classList.toggle("is-zoomed", this.zoom > 1);
  }

  draw() {
    if (!(this.scale > 0)) return; // not laid out, as in a hidden window
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
    this.drawOverlay(width, height);
    this.drawBar();
  }

  drawOverlay(width, height) {
    const { scale, middle } = this;
    const at = ({ x, y }) => [(x - middle.x) * scale + width / 2, (y - middle.y) * scale + height / 2];
    const shapes = [];
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
      if (ring.label) group.append(make("text", { x: cx + reach, y: cy - reach, "font-size": 15 }, ring.label));
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
    bar.querySelector("span").textContent = words(this.facts.assumed ? "bar-assumed" : "bar", { mm: length });
    bar.querySelector("i").style.width = `${length * perMm}px`;
  }
}
