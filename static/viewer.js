// The viewer of a scan: improves a page that works without it.

import { followFindings } from "./findings.js";
import { offerSpacing } from "./spacing.js";
import { Planes } from "./planes.js";
import { Ruler } from "./ruler.js";
import { Slices } from "./slices.js";
import { Stage } from "./stage.js";
import { Values } from "./values.js";
import { watchSearch } from "./search.js";
import { copyOf, words, written } from "./words.js";

const MARK_MM = 13;
const WHEEL_STEP = 60; // of a wheel's delta, for a slice
const CLICK_PX = 4; // a pointer that moves less has clicked
const ADDRESS_EVERY_MS = 400;
const SAID_AFTER_MS = 350;
const VALUE_AFTER_MS = 80; // that the pointer rests, before values are fetched
const STEP_MM = 4;
const FINE_MM = 0.5;

const byId = (id) => document.getElementById(id);
const root = byId("viewer");
const facts = JSON.parse(root.dataset.facts);
const form = byId("choose");
const slider = byId("slider");
const stage = new Stage(byId("stage"), facts);
const slices = new Slices(facts.address, facts.count, show, failed);
const values = new Values(facts);
const ruler = new Ruler(stage, facts, ruled);
const slabs = byId("slab");

const { slice: first, level, width, row, col, on, slab } = facts.view;
const state = {
  slice: first, // asked for
  shown: first, // on the screen: what a click means
  level,
  width,
  slab: slab || "",
  point: { x: facts.width / 2, y: facts.height / 2 }, // where coronal and sagittal planes cross, in the picture
  mark: row === null ? null : { row, col, slice: on },
  hair: null, // the keyboard's crosshair, in the picture
  touched: new URLSearchParams(location.search).has("slice"), // whether the person has looked around already
};
let candidates = facts.search.candidates;
let valueTimer = null;
let valueAt = null; // in the picture: what the value in the corner is of

const planes = byId("planes") && new Planes(facts, {
  at: () => state.point,
  slice: () => state.slice,
  view: () => state,
  lungs: () => stage.fitted && facts.lungs,
  move: movePoint,
  mark: () => mark({ ...stage.toFile(state.point), slice: state.slice }),
  key: pressKey,
});

/* What is shown */

function show(slice, picture) {
  const nearer = Math.abs(slice - state.slice) <= Math.abs(state.shown - state.slice);
  if (slice !== state.slice && (!nearer || stage.picture === null)) return;
  state.shown = slice;
  stage.picture = picture;
  stage.element.dataset.slice = slice;
  byId("stage-message")?.remove();
  byId("value").textContent = ""; // that of what was shown before
  showValue(valueAt);
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
  if (facts.positions) byId("position").textContent = words("position", { mm: written(facts.positions[shown], 1) });
  if (slider && Number(slider.value) !== state.slice + 1) slider.value = state.slice + 1;
  if (state.width !== null) byId("window-now").textContent = words("window", { level: written(state.level), width: state.width });
  for (const link of document.querySelectorAll("[data-window]")) {
    const [presetLevel, presetWidth] = facts.windows[link.dataset.window];
    setCurrent(link, presetLevel === state.level && presetWidth === state.width);
  }
  const [kind, mm] = state.slab.split("-");
  byId("slab-now").textContent = state.slab ? words(`slab-${kind}`, { mm: written(mm) }) : "";
  if (slabs) slabs.value = state.slab;
  drawMarks();
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
    ...facts.findings.map((place) => ({ ...place, kind: "found", mm: MARK_MM })),
    ...(state.mark ? [{ ...state.mark, kind: "marked", mm: MARK_MM }] : []),
  ].filter(here).map((ring) => ({ ...ring, labelMm: MARK_MM })); // labels lie outside the mark's ring, too
  stage.lines = ruler.shown(state.shown);
  stage.cross = planes?.isOn ? state.point : null;
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
  wantSlice();
  if (slider) slider.value = state.slice + 1;
  keepAddress();
  sayLater(() => words("where", { slice: state.slice + 1, count: facts.count }));
}

function wantSlice() {
  slices.want(state.slice, state.level, state.width, state.slab);
  planes?.draw();
}

function setWindow(newLevel, newWidth) {
  if (state.width === null) return;
  state.level = Math.round(Math.min(Math.max(newLevel, -2000), 4000) / 10) * 10;
  state.width = Math.round(Math.min(Math.max(newWidth, 10), 6000) / 10) * 10;
  wantSlice();
  describe();
  keepAddress();
}

function setSlab(name) {
  if (!slabs) return;
  state.slab = name;
  wantSlice();
  describe();
  keepAddress();
  say(name ? byId("slab-now").textContent : words("slab-none"));
}

// From single slices to the thinnest slab of a kind, to thicker ones, and back.
function nextSlab(kind) {
  const names = Array.from(slabs?.options || [], (option) => option.value).filter((name) => name.startsWith(`${kind}-`));
  setSlab(names[names.indexOf(state.slab) + 1] || "");
}

// The crosshair of the other planes.
function movePoint(at, slice, plane) {
  state.point = at;
  if (slice === state.slice) {
    planes.draw();
    drawMarks();
  } else goTo(slice);
  stage.reveal(at);
  showValue(at);
  sayLater(() => words("point", { plane: words(plane), slice: slice + 1, pixel: words("pixel", rounded(at)) }));
}

function showPlanes(on) {
  if (!planes) return;
  planes.switch(on);
  drawMarks();
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
  planes?.draw();
}

function showZoom() {
  byId("zoom-reset").textContent = words("zoom", { percent: Math.round(stage.zoom * 100) });
  if (byId("fit")) byId("fit").textContent = words(stage.fitted ? "whole" : "fit");
}

function toggleFit() {
  stage.fit(!stage.fitted);
  planes?.draw();
}

const steps = { first: () => 0, last: () => facts.count - 1 };
const stepped = (name) => (steps[name] ? steps[name]() : state.slice + Number(name));

let addressTimer = null;
function keepAddress() {
  state.touched = true;
  addressTimer ??= setTimeout(() => {
    addressTimer = null;
    const fields = { slice: state.slice, level: state.level, width: state.width, model: form.elements.model.value, slab: state.slab || null };
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
  if (place) {
    byId("mark-first").hidden = true;
    state.point = stage.toPicture(place);
    planes?.draw();
  }
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
  for (const link of listed()) setCurrent(link, place && isAt(placeOf(link), place));
}

/* The suggestions and findings that the page lists */

function listed() {
  return ["candidates", "findings"].flatMap((id) => Array.from(byId(id)?.querySelectorAll("a[data-row]") || []));
}

function placeOf(link) {
  return Object.fromEntries(["row", "col", "slice"].map((name) => [name, Number(link.dataset[name])]));
}

// A finding at a suggestion is one stop with it.
function stops() {
  const links = listed();
  return links.filter((link, i) => links.findIndex((other) => isAt(placeOf(other), placeOf(link))) === i);
}

function step(by) {
  const links = stops();
  if (!links.length) {
    say(words("no-marks"));
    return;
  }
  const now = state.mark ? links.findIndex((link) => isAt(placeOf(link), state.mark)) : -1;
  const next = now < 0 ? (by > 0 ? 0 : links.length - 1) : (now + by + links.length) % links.length;
  jumpTo(links[next]);
}

function offerSteps() {
  byId("marks").hidden = listed().length === 0;
}

function jumpTo(link) {
  const place = placeOf(link);
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
  showValue(at);
}

// The value under the pointer or crosshair, as it is shown: of the slice or of the slab. What rests is looked up.
let lookUps = 0;
function showValue(at) {
  clearTimeout(valueTimer);
  valueAt = at;
  if (!at) byId("value").textContent = "";
  else valueTimer = setTimeout(() => lookUp(at), VALUE_AFTER_MS);
}

async function lookUp(at) {
  const turn = ++lookUps;
  const value = await values.at({ ...stage.toFile(at), slice: state.shown }, state.slab);
  if (turn !== lookUps || at !== valueAt) return ""; // something else is shown, or pointed at, by now
  const said = value === null ? "" : words(facts.values.isHu ? "value" : "grey-value", { value: written(Math.round(value)) });
  byId("value").textContent = said;
  return said;
}

let drag = null;
let moved = 0;

function startDrag(event) {
  if (event.button === 1) return;
  stage.element.focus({ preventScroll: true });
  const windowed = event.button === 2 || event.shiftKey;
  const at = ruler.isOn && !windowed && stage.under(event);
  if (at) ruler.press(at, state.shown);
  drag = { x: event.clientX, y: event.clientY, windowed, level: state.level, width: state.width, id: event.pointerId };
  moved = 0;
  stage.element.setPointerCapture(event.pointerId);
}

function movePointer(event) {
  if (ruler.held) {
    ruler.move(stage.under(event));
    return;
  }
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
  } else if (!ruler.isOn && stage.zoom > 1) {
    stage.element.classList.add("is-dragged");
    stage.panBy(event.clientX - (drag.lastX ?? drag.x), event.clientY - (drag.lastY ?? drag.y));
    [drag.lastX, drag.lastY] = [event.clientX, event.clientY];
  }
}

function endDrag(event) {
  if (!drag) return;
  if (ruler.held) {
    drag = null;
    ruler.release();
    return;
  }
  const clicked = event.type === "pointerup" && moved < CLICK_PX && !drag.windowed && event.button === 0;
  drag = null;
  stage.element.classList.remove("is-windowed", "is-dragged");
  const at = clicked && stage.under(event);
  if (!at) return;
  state.hair = null;
  goTo(state.shown);
  mark({ ...stage.toFile(at), slice: state.shown });
  readOut(at);
  if (state.slab.startsWith("mip-")) markBrightest();
}

// What a MIP shows may lie in a slice beside the one it is centred on: the mark goes there.
async function markBrightest() {
  const { mark: place, slab: shown } = state;
  try {
    const query = new URLSearchParams({ slab: shown, row: place.row, col: place.col });
    const answer = await fetch(`${facts.address}/slice/${place.slice}/brightest?${query}`);
    const { slice } = await answer.json();
    if (state.mark !== place || !Number.isInteger(slice) || slice === place.slice) return;
    goTo(slice);
    mark({ ...place, slice });
  } catch {
    // the mark stays where it was clicked
  }
}

// A line of the ruler has changed.
function ruled(line) {
  drawMarks();
  if (!line) return;
  const said = ruler.label(line);
  sayLater(() => said);
  spacingForm?.measured(ruler.lengthOf(line));
}

function switchRuler(on) {
  ruler.switch(on);
  say(words(on ? "ruler-on" : "ruler-off"));
}

function pinLine() {
  const done = ruler.pin(state.hair || stage.hair || stage.middle, state.shown);
  if (!done) sayLater(() => words("line-begun"));
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
  ruler.follow(state.hair);
  if (planes?.isOn) {
    state.point = state.hair;
    planes.draw();
    drawMarks();
  }
  stage.reveal(state.hair);
  clearTimeout(sayTimer);
  sayTimer = setTimeout(sayHair, SAID_AFTER_MS);
}

async function sayHair() {
  const at = state.hair;
  if (!at) return;
  const value = await lookUp(at);
  say([words("crosshair", rounded(at)), value].filter(Boolean).join(", "));
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
  f: toggleFit,
  n: () => step(1),
  p: () => step(-1),
  m: () => nextSlab("mip"),
  i: () => nextSlab("mean"),
  v: () => showPlanes(!planes?.isOn),
  r: pinLine,
  Delete: () => ruler.removeLast(state.shown),
  w: (fine) => moveHair(0, -1, fine),
  a: (fine) => moveHair(-1, 0, fine),
  s: (fine) => moveHair(0, 1, fine),
  d: (fine) => moveHair(1, 0, fine),
  Enter: () => mark({ ...stage.toFile(state.hair || stage.middle), slice: state.shown }),
  Escape: () => ruler.giveUp() || mark(null),
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
  const link = event.target.closest("a[data-step], a[data-window], a[data-row], a[data-line]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.step) goTo(stepped(link.dataset.step));
  else if (link.dataset.window) preset(link.dataset.window);
  else if (link.dataset.line) goTo(Number(link.dataset.line));
  else jumpTo(link);
}

function typePlace() {
  const [typedRow, typedCol] = [form.elements.row, form.elements.col];
  if (typedRow.value === "" || typedCol.value === "" || !typedRow.checkValidity() || !typedCol.checkValidity()) return;
  mark({ row: Number(typedRow.value), col: Number(typedCol.value), slice: state.mark ? state.mark.slice : state.shown }, true);
}

// Nothing is sent without a nodule: what is missing is said, and where to go on.
function checkMark(event) {
  if (event.target !== form || (form.elements.row.value !== "" && form.elements.col.value !== "")) return;
  event.preventDefault();
  event.stopPropagation();
  byId("mark-first").hidden = false;
  stage.element.focus({ preventScroll: true });
  stage.element.scrollIntoView({ block: "nearest" });
}

function searchChanged(found, sentence, isDone) {
  candidates = found;
  drawTicks();
  offerSteps();
  say(sentence);
  if (isDone && candidates.length && !state.mark && !state.touched) goTo(candidates[0].slice);
  sayMark();
  drawMarks();
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
  element.addEventListener("pointerleave", (event) => {
    if (drag || event.pointerType === "touch") return; // of a tap, what was read stays
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
  byId("fit")?.addEventListener("click", toggleFit);
  byId("ruler").addEventListener("click", () => switchRuler(!ruler.isOn));
  byId("show-planes")?.addEventListener("click", () => showPlanes(!planes.isOn));
  byId("mark-previous").addEventListener("click", () => step(-1));
  byId("mark-next").addEventListener("click", () => step(1));
  slabs?.addEventListener("change", () => setSlab(slabs.value));
  document.addEventListener("submit", checkMark, true);
  stage.onDraw = showZoom;
  form.elements.row.addEventListener("change", typePlace);
  form.elements.col.addEventListener("change", typePlace);
  form.elements.model.addEventListener("change", keepAddress);
  watchSearch(facts.address, facts.search, searchChanged);
  if (state.mark) {
    form.elements.row.value = state.mark.row;
    form.elements.col.value = state.mark.col;
    sayMark();
  }
  state.point = stage.toPicture(state.mark || { row: facts.rows / 2, col: facts.cols / 2 });
  drawTicks();
  offerSteps();
  wantSlice();
  describe();
  if (!byId("error") && !followFindings(say)) element.focus({ preventScroll: true });
}

const spacingForm = offerSpacing({ pixelMm: facts.pixelMm, begin: switchRuler });
start();
