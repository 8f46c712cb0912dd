// The ruler: lines on slices, their lengths, and the list of them below the stage.

import { copyOf, words, written } from "./words.js";

const NEAR_PX = 12; // an end that is taken hold of
const LEAST_PX = 3; // on the screen; a shorter line was a click

const byId = (id) => document.getElementById(id);

export class Ruler {
  // `onchange(line)` is called whenever a line has changed, with the one that is drawn or null.
  constructor(stage, facts, onchange) {
    Object.assign(this, { stage, facts, onchange });
    this.lines = []; // { slice, a, b }, ends in the picture
    this.begun = null; // by keyboard, not yet ended
    this.held = null; // by pointer: the line, and which of its ends
    this.isOn = false;
  }

  switch(on) {
    this.isOn = on;
    this.begun = null;
    this.stage.element.classList.toggle("is-ruled", on);
    byId("ruler").setAttribute("aria-pressed", on);
  }

  /* By pointer */

  press(at, slice) {
    const near = NEAR_PX / this.stage.scale;
    const distance = (end) => Math.hypot(end.x - at.x, end.y - at.y);
    for (const line of this.on(slice)) {
      const end = ["a", "b"].find((name) => distance(line[name]) < near);
      if (end) {
        this.held = { line, end };
        return;
      }
    }
    this.held = { line: { slice, a: at, b: at }, end: "b" };
    this.lines.push(this.held.line);
  }

  move(at) {
    if (!this.held || !at) return;
    this.held.line[this.held.end] = at;
    this.onchange(this.held.line);
  }

  release() {
    if (!this.held) return;
    const { line } = this.held;
    this.held = null;
    const { a, b } = line;
    if (Math.hypot(a.x - b.x, a.y - b.y) * this.stage.scale < LEAST_PX) this.remove(line);
    else this.changed(line);
  }

  /* By keyboard */

  pin(at, slice) {
    if (this.begun) {
      const line = this.begun;
      this.begun = null;
      this.held = { line, end: "b" };
      this.move(at);
      this.release();
      return line;
    }
    this.begun = { slice, a: at, b: at };
    this.lines.push(this.begun);
    this.onchange(this.begun);
    return null;
  }

  follow(at) {
    if (!this.begun) return;
    this.begun.b = at;
    this.onchange(this.begun);
  }

  giveUp() {
    if (!this.begun) return false;
    this.remove(this.begun);
    this.begun = null;
    return true;
  }

  removeLast(slice) {
    const last = this.on(slice).at(-1);
    if (last) this.remove(last);
  }

  /* Lengths */

  on(slice) {
    return this.lines.filter((line) => line.slice === slice);
  }

  // In pixels of the file, and in mm.
  lengthOf({ a, b }) {
    const { width, height, rows, cols, turns, mmPerPixel } = this.facts;
    const [down, across] = turns.transpose ? [cols, rows] : [rows, cols];
    const [dx, dy] = [a.x - b.x, a.y - b.y];
    return { px: Math.hypot((dx * across) / width, (dy * down) / height), mm: Math.hypot(dx, dy) * mmPerPixel };
  }

  label(line) {
    const { px, mm } = this.lengthOf(line);
    const name = this.facts.assumed ? `length-${this.facts.assumed}` : "length";
    return words(name, { px: written(px, 1), mm: written(mm, 1) });
  }

  shown(slice) {
    return this.on(slice).map((line) => ({ ...line, label: this.label(line) }));
  }

  remove(line) {
    this.lines = this.lines.filter((other) => other !== line);
    this.changed(null);
  }

  changed(line) {
    const list = byId("lengths");
    const items = this.lines.filter((each) => each !== this.begun).map((each) => this.item(each));
    list.replaceChildren(...items);
    byId("measured").hidden = items.length === 0;
    this.onchange(line);
  }

  item(line) {
    const item = copyOf("length-listed");
    const link = item.querySelector("a");
    link.textContent = words("length-slice", { slice: line.slice + 1 });
    link.dataset.line = line.slice;
    item.querySelector("span").textContent = this.label(line);
    item.querySelector("button").addEventListener("click", () => {
      this.remove(line);
      (byId("lengths").querySelector("button") || byId("stage")).focus();
    });
    return item;
  }
}
