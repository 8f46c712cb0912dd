// The viewer of a scan: improves a page that works without it.

import { Slices } from "./slices.js";
import { Stage } from "./stage.js";
import { watchSearch } from "./search.js";
import { copyOf, words } from "./words.js";

const MARK_MM = 13;
const WHEEL_STEP = 60; // of a wheel's delta, for a slice
const CLICK_PX = 4; // a pointer that moves less has clicked
const ADDRESS_EVERY_MS = 400;
const SAID_AFTER_MS = 350;
const STEP_MM = 4;
const FINE_MM = 0.5;

const byId = (id) => document.getElementById(id);
const root = byId("viewer");
const facts = JSON.parse(root.dataset.facts);
const form = byId("choose");
const slider = byId("slider");
const stage = new Stage(byId("stage"), facts);
const slices = new Slices(facts.address, facts.count, show, failed);

const { slice: first, level, width, row, col, on } = facts.view;
const state = {
  slice: first, // asked for
  shown: first, // on the screen: what a click means
  level,
  width,
  mark: row === null ? null : { row, col, slice: on },
  hair: null, // the keyboard's crosshair, in the picture
  touched: new URLSearchParams(location.search).has("slice"), // whether the person has looked around already
};
let candidates = facts.search.candidates;

/* What is shown */

function show(slice, picture) {
  const nearer = Math.abs(slice - state.slice) <= Math.abs(state.shown - state.slice);
  if (slice !== state.slice && (!nearer || stage.picture === null)) return;
  state.shown = slice;
  stage.picture = picture;
  stage.element.dataset.slice = slice;
  byId("stage-message")?.remove();
  describe();
}

function failed() {
  if (byId("stage-message")) return;
  const message = copyOf("failed");
  message.querySelector("a").href = location.href;
  stage.element.append(message);
}

function describe() {
  const { shown } = state;
  byId("where").textContent = words("where", { slice: shown + 1, count: facts.count });
  byId("number").textContent = words("number", { slice: shown });
  if (facts.positions) byId("position").textContent = words("position", { mm: minus(facts.positions[shown].toFixed(1)) });
  if (slider && Number(slider.value) !== state.slice + 1) slider.value = state.slice + 1;
  if (state.width !== null) byId("window-now").textContent = words("window", { level: minus(state.level), width: state.width });
  for (const link of document.querySelectorAll("[data-window]")) {
    const [presetLevel, presetWidth] = facts.windows[link.dataset.window];
    setCurrent(link, presetLevel === state.level && presetWidth === state.width);
  }
  byId("zoom-reset").textContent = words("zoom", { percent: Math.round(stage.zoom * 100) });
  drawMarks();
}

function minus(number) {
  return String(number).replace("-", "−");
}

function setCurrent(link, isCurrent) {
  if (isCurrent) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

function drawMarks() {
  const here = (place) => place.slice === state.shown;
  const size = (candidate) => Math.max(5, 0.5 * (candidate.diameter_mm || 12) + 3);
  stage.rings = [
    ...candidates.map((place, i) => ({ ...place, kind: "suggested", label: words("suggested", { rank: i + 1 }), mm: size(place) })),
    ...facts.findings.map((place, i) => ({ ...place, kind: "found", label: words("found", { rank: i + 1 }), mm: MARK_MM })),
    ...(state.mark ? [{ ...state.mark, kind: "marked", mm: MARK_MM }] : []),
  ].filter(here).map((ring) => ({ ...ring, labelMm: MARK_MM })); // labels lie outside the mark's ring, too
  stage.draw();
}

function drawTicks() {
  const ticks = byId("ticks");
  if (!ticks || facts.count < 2) return;
  const tick = (kind) => (place) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    made.setAttribute("class", kind);
    made.setAttribute("x", `${(place.slice / (facts.count - 1)) * 100}%`);
    made.setAttribute("width", 3);
    made.setAttribute("height", 6);
    return made;
  };
  ticks.replaceChildren(...candidates.map(tick("suggested")), ...facts.findings.map(tick("found")));
}

/* Moving through the scan */

function goTo(slice) {
  state.slice = Math.min(Math.max(slice, 0), facts.count - 1);
  slices.want(state.slice, state.level, state.width);
  if (slider) slider.value = state.slice + 1;
  keepAddress();
  sayLater(() => words("where", { slice: state.slice + 1, count: facts.count }));
}

function setWindow(newLevel, newWidth) {
  if (state.width === null) return;
  state.level = Math.round(Math.min(Math.max(newLevel, -2000), 4000) / 10) * 10;
  state.width = Math.round(Math.min(Math.max(newWidth, 10), 6000) / 10) * 10;
  slices.want(state.slice, state.level, state.width);
  describe();
  keepAddress();
}

function preset(name) {
  const window = facts.windows[name];
  if (!window) return;
  setWindow(...window);
  say(words(`window-${name}`));
}

// Without a pointer, what is marked in the slice stays where it is.
function zoomBy(factor, at) {
  const fixed = at || (state.mark?.slice === state.shown ? stage.toPicture(state.mark) : null);
  stage.zoomTo(stage.zoom * factor, fixed);
  describe();
}

const steps = { first: () => 0, last: () => facts.count - 1 };
const stepped = (name) => (steps[name] ? steps[name]() : state.slice + Number(name));

let addressTimer = null;
function keepAddress() {
  state.touched = true;
  addressTimer ??= setTimeout(() => {
    addressTimer = null;
    const fields = { slice: state.slice, level: state.level, width: state.width, model: form.elements.model.value };
    if (state.mark) Object.assign(fields, { row: state.mark.row, col: state.mark.col, on: state.mark.slice });
    const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
    history.replaceState(null, "", `${facts.address}?${new URLSearchParams(given)}`);
  }, ADDRESS_EVERY_MS);
}

/* What a screen reader is told: the last thing, once it has settled */

let sayTimer = null;
function sayLater(text) {
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => say(text()), SAID_AFTER_MS);
}

function say(text) {
  clearTimeout(sayTimer);
  byId("said").textContent = text;
}

/* The nodule */

function named({ row, col, slice }) {
  return words(facts.count > 1 ? "place" : "pixel", { slice: slice + 1, count: facts.count, row, col });
}

function isAt(place, other) {
  return place.row === other.row && place.col === other.col && place.slice === other.slice;
}

function mark(place, typed = false) {
  state.mark = place;
  if (place && !typed) {
    form.elements.row.value = place.row;
    form.elements.col.value = place.col;
  } else if (!place) {
    form.elements.row.value = form.elements.col.value = "";
  }
  sayMark();
  drawMarks();
  keepAddress();
}

function sayMark() {
  const { mark: place } = state;
  const rank = place ? candidates.findIndex((candidate) => isAt(candidate, place)) : -1;
  const sentence = !place ? "unmarked" : rank >= 0 ? "marked-suggestion" : "marked";
  byId("marked").textContent = words(sentence, { rank: rank + 1, where: place && named(place) });
  form.elements.slice.value = place ? place.slice : state.slice;
  for (const link of document.querySelectorAll("#candidates a")) {
    const at = Object.fromEntries(["row", "col", "slice"].map((name) => [name, Number(link.dataset[name])]));
    setCurrent(link, place && isAt(at, place));
  }
}

function jumpTo(link) {
  const place = { row: Number(link.dataset.row), col: Number(link.dataset.col), slice: Number(link.dataset.slice) };
  goTo(place.slice);
  stage.reveal(stage.toPicture(place));
  mark(place);
}

/* Pointer */

function rounded(at) {
  const { row, col } = stage.toFile(at);
  return { row: Math.round(row), col: Math.round(col) };
}

function readOut(at) {
  byId("readout").textContent = at ? words("pixel", rounded(at)) : "";
}

let drag = null;
let moved = 0;

function startDrag(event) {
  if (event.button === 1) return;
  stage.element.focus({ preventScroll: true });
  const windowed = event.button === 2 || event.shiftKey;
  drag = { x: event.clientX, y: event.clientY, windowed, level: state.level, width: state.width, id: event.pointerId };
  moved = 0;
  stage.element.setPointerCapture(event.pointerId);
}

function movePointer(event) {
  if (!drag) {
    stage.hair = event.pointerType === "touch" ? null : stage.under(event);
    readOut(stage.hair);
    stage.draw();
    return;
  }
  const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
  moved = Math.max(moved, Math.hypot(dx, dy));
  if (moved < CLICK_PX) return;
  if (drag.windowed) {
    stage.element.classList.add("is-windowed");
    setWindow(drag.level + 2 * dy, drag.width + 4 * dx);
  } else if (stage.zoom > 1) {
    stage.element.classList.add("is-dragged");
    stage.panBy(event.clientX - (drag.lastX ?? drag.x), event.clientY - (drag.lastY ?? drag.y));
    [drag.lastX, drag.lastY] = [event.clientX, event.clientY];
  }
}

function endDrag(event) {
  if (!drag) return;
  const clicked = event.type === "pointerup" && moved < CLICK_PX && !drag.windowed && event.button === 0;
  drag = null;
  stage.element.classList.remove("is-windowed", "is-dragged");
  const at = clicked && stage.under(event);
  if (!at) return;
  state.hair = null;
  goTo(state.shown);
  mark({ ...stage.toFile(at), slice: state.shown });
}

let wheeled = 0;
function turnWheel(event) {
  event.preventDefault();
  const delta = event.deltaMode === 0 ? event.deltaY : event.deltaY * 40;
  if (event.ctrlKey) {
    zoomBy(Math.exp(-delta / 250), stage.under(event));
    return;
  }
  if (Math.sign(delta) !== Math.sign(wheeled)) wheeled = 0;
  wheeled += delta;
  const steps = Math.trunc(wheeled / WHEEL_STEP);
  if (!steps) return;
  wheeled -= steps * WHEEL_STEP;
  goTo(state.slice - steps);
}

/* Keys */

function moveHair(dx, dy, fine) {
  const step = (fine ? FINE_MM : STEP_MM) / facts.mmPerPixel / Math.sqrt(stage.zoom);
  const from = state.hair || stage.hair || stage.middle;
  state.hair = {
    x: Math.min(Math.max(from.x + dx * step, 0), facts.width - 0.01),
    y: Math.min(Math.max(from.y + dy * step, 0), facts.height - 0.01),
  };
  stage.hair = { ...state.hair, keyed: true };
  readOut(state.hair);
  stage.reveal(state.hair);
  sayLater(() => words("crosshair", rounded(state.hair)));
}

const KEYS = {
  ArrowUp: () => goTo(state.slice + 1),
  ArrowDown: () => goTo(state.slice - 1),
  PageUp: () => goTo(state.slice + 10),
  PageDown: () => goTo(state.slice - 10),
  Home: () => goTo(0),
  End: () => goTo(facts.count - 1),
  1: () => preset("lung"),
  2: () => preset("mediastinum"),
  3: () => preset("bone"),
  "+": () => zoomBy(1.25),
  "=": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  0: () => zoomBy(0),
  w: (fine) => moveHair(0, -1, fine),
  a: (fine) => moveHair(-1, 0, fine),
  s: (fine) => moveHair(0, 1, fine),
  d: (fine) => moveHair(1, 0, fine),
  Enter: () => mark({ ...stage.toFile(state.hair || stage.middle), slice: state.shown }),
  Escape: () => mark(null),
};

function pressKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const act = KEYS[name];
  if (!act) return;
  event.preventDefault();
  act(event.shiftKey);
}

/* Everything together */

function follow(event) {
  const link = event.target.closest("a[data-step], a[data-window], a[data-row]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.step) goTo(stepped(link.dataset.step));
  else if (link.dataset.window) preset(link.dataset.window);
  else jumpTo(link);
}

function typePlace() {
  const [typedRow, typedCol] = [form.elements.row, form.elements.col];
  if (typedRow.value === "" || typedCol.value === "" || !typedRow.checkValidity() || !typedCol.checkValidity()) return;
  mark({ row: Number(typedRow.value), col: Number(typedCol.value), slice: state.mark ? state.mark.slice : state.shown }, true);
}

function searchChanged(found, sentence) {
  candidates = found;
  drawTicks();
  say(sentence);
  if (candidates.length && !state.mark && !state.touched) {
    goTo(candidates[0].slice);
    mark({ row: candidates[0].row, col: candidates[0].col, slice: candidates[0].slice });
  } else {
    sayMark();
    drawMarks();
  }
}

function start() {
  const { element } = stage;
  const scroller = byId("stage-scroller");
  for (const name of ["tabindex", "role", "aria-label"]) scroller.removeAttribute(name);
  element.tabIndex = 0;
  element.setAttribute("role", "application");
  element.setAttribute("aria-label", words("stage"));
  element.addEventListener("pointerdown", startDrag);
  element.addEventListener("pointermove", movePointer);
  element.addEventListener("pointerup", endDrag);
  element.addEventListener("pointercancel", endDrag);
  element.addEventListener("pointerleave", () => {
    if (drag) return;
    stage.hair = state.hair && { ...state.hair, keyed: true };
    readOut(state.hair);
    stage.draw();
  });
  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("wheel", turnWheel, { passive: false });
  element.addEventListener("keydown", pressKey);
  document.addEventListener("click", follow);
  slider?.addEventListener("input", () => goTo(Number(slider.value) - 1));
  byId("zoom-in").addEventListener("click", () => zoomBy(1.5));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.5));
  byId("zoom-reset").addEventListener("click", () => zoomBy(0));
  form.elements.row.addEventListener("change", typePlace);
  form.elements.col.addEventListener("change", typePlace);
  form.elements.model.addEventListener("change", keepAddress);
  watchSearch(facts.address, facts.search, searchChanged);
  if (state.mark) {
    form.elements.row.value = state.mark.row;
    form.elements.col.value = state.mark.col;
    sayMark();
  }
  drawTicks();
  slices.want(state.slice, state.level, state.width);
  describe();
  if (!byId("error")) element.focus({ preventScroll: true });
}

start();
