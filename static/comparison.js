// Two scans side by side: scrolling that is linked, clicks that are exact at any size. The page works without it.

import { words, written } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WHEEL_STEP = 60; // of a wheel's delta, for a slice
const AHEAD = 3; // slices that are fetched before they are asked for
const ADDRESS_EVERY_MS = 400;
const SAID_AFTER_MS = 350;
const KEYS = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

const root = document.getElementById("panes");
const facts = JSON.parse(root.dataset.facts);
const linked = document.getElementById("linked");
const other = { before: "now", now: "before" };
const at = { before: facts.view.before, now: facts.view.now };
const panes = Object.fromEntries(Object.keys(other).map((name) => [name, document.getElementById(`pane-${name}`)]));
const fetched = new Map(); // pictures by address, so that the browser keeps them
let { level, width } = facts.view;

function address(name, slice) {
  const side = facts.sides[name];
  return `${side.address}/slice/${slice}.png` + (width === null ? "" : `?level=${level}&width=${width}`);
}

function described(name) {
  const { count, positions } = facts.sides[name];
  const slice = at[name] + 1;
  return positions ? words("at-mm", { slice, count, mm: written(positions[at[name]], 1) }) : words("at", { slice, count });
}

function make(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

function ringOf(ring) {
  const group = make("g", { class: `ring ring-${ring.kind}` });
  for (const part of ["under", "over"]) group.append(make("circle", { class: part, cx: ring.x, cy: ring.y, r: ring.r, "vector-effect": "non-scaling-stroke" }));
  const label = ring.name || ring.rank;
  if (label) group.append(make("text", { x: ring.x + ring.reach * 0.8, y: ring.y - ring.reach * 0.8, "font-size": 15 }, label));
  return group;
}

function show(name) {
  const pane = panes[name];
  const slice = at[name];
  pane.querySelector(".slice").src = address(name, slice);
  pane.querySelector(".at").textContent = described(name);
  pane.querySelector(".rings").replaceChildren(...facts.sides[name].rings.filter((ring) => ring.slice === slice).map(ringOf));
  const slider = pane.querySelector("input[type=range]");
  if (slider) slider.value = slice + 1;
  const field = pane.querySelector("input[name=slice]");
  if (field) field.value = slice;
  pane.dataset.slice = slice;
}

function prefetch(name, direction) {
  for (let step = 1; step <= AHEAD; step += 1) {
    const slice = at[name] + step * direction;
    if (slice < 0 || slice >= facts.sides[name].count) return;
    const url = address(name, slice);
    if (fetched.has(url)) continue;
    const picture = new Image();
    picture.src = url;
    fetched.set(url, picture);
    if (fetched.size > 80) fetched.delete(fetched.keys().next().value);
  }
}

function goTo(name, slice) {
  const direction = Math.sign(slice - at[name]) || 1;
  at[name] = Math.min(Math.max(slice, 0), facts.sides[name].count - 1);
  show(name);
  prefetch(name, direction);
  if (linked.checked) {
    at[other[name]] = facts.linked[name][at[name]];
    show(other[name]);
    prefetch(other[name], direction);
  }
  keepAddress();
  sayLater();
}

let addressTimer = null;
function keepAddress() {
  addressTimer ??= setTimeout(() => {
    addressTimer = null;
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries({ ...at, level, width })) if (value !== null) query.set(name, value);
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }, ADDRESS_EVERY_MS);
}

let sayTimer = null;
function sayLater() {
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => {
    document.getElementById("said").textContent = words("said", { before: described("before"), now: described("now") });
  }, SAID_AFTER_MS);
}

function setWindow(link) {
  [level, width] = facts.windows[link.dataset.window];
  for (const each of root.querySelectorAll("[data-window]")) {
    if (each === link) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  for (const name of Object.keys(other)) show(name);
  keepAddress();
}

// The file's row and column under a pointer, as the server turns and scales its pictures.
function placeOf(name, event) {
  const { shape, turns } = facts.sides[name];
  const [rows, cols] = shape;
  const box = event.target.getBoundingClientRect();
  const [down, across] = turns.transpose ? [cols, rows] : [rows, cols];
  let row = ((event.clientY - box.top) / box.height) * down - 0.5;
  let col = ((event.clientX - box.left) / box.width) * across - 0.5;
  if (turns.flip_rows) row = down - 1 - row;
  if (turns.flip_cols) col = across - 1 - col;
  const tenth = (value, n) => Math.round(Math.min(Math.max(value, 0), n - 1) * 10) / 10;
  return turns.transpose ? [tenth(col, rows), tenth(row, cols)] : [tenth(row, rows), tenth(col, cols)];
}

function setUp(name) {
  const pane = panes[name];
  const scroller = pane.querySelector(".stage-scroller");
  let wheeled = 0;
  scroller.addEventListener("wheel", (event) => {
    if (event.ctrlKey) return;
    event.preventDefault();
    const delta = event.deltaMode === 0 ? event.deltaY : event.deltaY * 40;
    if (Math.sign(delta) !== Math.sign(wheeled)) wheeled = 0;
    wheeled += delta;
    const steps = Math.trunc(wheeled / WHEEL_STEP);
    wheeled -= steps * WHEEL_STEP;
    if (steps) goTo(name, at[name] - steps);
  }, { passive: false });
  scroller.addEventListener("keydown", (event) => {
    const step = KEYS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    goTo(name, at[name] + step);
  });
  pane.querySelector("input[type=range]")?.addEventListener("input", (event) => goTo(name, Number(event.target.value) - 1));
  const form = pane.querySelector("form.clicking");
  if (form) {
    form.querySelector("input[type=image]").addEventListener("click", (event) => {
      if (event.clientX === 0 && event.clientY === 0) return; // a key's: what was typed counts
      event.preventDefault();
      [form.elements.row.value, form.elements.col.value] = placeOf(name, event);
      form.requestSubmit(form.querySelector("button.primary"));
    });
  }
  show(name);
}

root.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-step], a[data-window]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.step) goTo("now", at.now + Number(link.dataset.step));
  else setWindow(link);
});
for (const name of Object.keys(other)) setUp(name);
