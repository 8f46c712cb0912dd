// The upload: names, preview, folders, drag and drop, and how far it has come.

import { copyOf, words, written } from "./words.js";

const PREVIEW_TYPES = ["image/png", "image/jpeg", "image/bmp", "image/webp"];
const PREVIEW_BYTES = 16 * 1024 * 1024;
const NAMES_SHOWN = 5;
const ASK_EVERY_MS = 400;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

const form = document.getElementById("upload");
const inputs = [document.getElementById("image"), document.getElementById("folder")];
const box = document.getElementById("chosen");
const bar = document.getElementById("progress-bar");
let chosen = []; // {file, name}: of a folder's files the name has the folders in it

/* What is chosen */

function megabytes(bytes) {
  if (bytes < 1e6) return words("kilobytes", { n: Math.max(1, Math.round(bytes / 1e3)) });
  return words("megabytes", { n: written(bytes / 1e6, bytes < 1e7 ? 1 : 0) });
}

function choose(files) {
  chosen = files;
  box.replaceChildren();
  box.hidden = files.length === 0;
  if (!files.length) return;
  const first = files[0].file;
  if (PREVIEW_TYPES.includes(first.type) && first.size <= PREVIEW_BYTES) preview(first);
  const names = element("ul");
  for (const { name } of files.slice(0, NAMES_SHOWN)) names.append(element("li", "", name));
  const size = megabytes(files.reduce((sum, { file }) => sum + file.size, 0));
  const kind = files.length === 1 ? "one-file" : files.length > NAMES_SHOWN ? "more-files" : "files";
  names.append(element("li", "hint", words(kind, { n: files.length, more: files.length - NAMES_SHOWN, size })));
  box.append(names);
}

function preview(file) {
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    if (chosen[0]?.file !== file) return;
    const picture = element("img", "preview");
    picture.alt = words("preview", { name: file.name });
    picture.addEventListener("error", () => picture.remove());
    picture.src = reader.result;
    box.prepend(picture);
  });
  reader.readAsDataURL(file);
}

function named(file) {
  return { file, name: file.webkitRelativePath || file.name };
}

function takeInput(input) {
  for (const other of inputs) if (other !== input) other.value = "";
  choose(Array.from(input.files, named));
}

/* Drag and drop, of folders too */

async function filesIn(entry, folder = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, name: folder + file.name }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader gives at most a hundred entries at once
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const inner of entries) found.push(...(await filesIn(inner, `${folder}${entry.name}/`)));
  }
}

async function drop(data) {
  const entries = Array.from(data.items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const loose = Array.from(data.files, named);
  for (const input of inputs) input.value = "";
  try {
    const files = await Promise.all(entries.map((entry) => filesIn(entry)));
    choose(entries.length ? files.flat() : loose);
  } catch {
    complain("unsupported_file", words("unreadable-folder"));
  }
}

function setUpDrop() {
  let depth = 0;
  form.addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth += 1;
    form.classList.add("over");
  });
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) form.classList.remove("over");
  });
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    form.classList.remove("over");
    if (event.dataTransfer.files.length) drop(event.dataTransfer);
  });
}

/* Mistakes, in the page's own box, with everything chosen still there */

function complain(code, message, kept) {
  const notice = copyOf("error").firstElementChild;
  notice.dataset.code = code;
  notice.querySelector("p").append(message);
  document.getElementById("errors").replaceChildren(notice, ...(kept ? [goingOn(kept)] : []));
  notice.scrollIntoView({ block: "nearest" });
}

// What was refused for what it shows is kept for a while: it need not be sent again to be read all the same.
function goingOn(address) {
  const offer = copyOf("going-on").firstElementChild;
  for (const each of offer.querySelectorAll("form")) each.action = address + each.getAttribute("action");
  for (const field of offer.querySelectorAll("input[name]")) field.value = document.getElementById(field.name)?.value ?? field.value;
  return offer;
}

function mistake() {
  const { maxMb, maxFiles } = form.dataset;
  if (!chosen.length) return ["no_file", words("no-file")];
  if (chosen.length > maxFiles) return ["too_large", words("too-many", { n: maxFiles })];
  if (chosen.reduce((sum, { file }) => sum + file.size, 0) > maxMb * 1e6) return ["too_large", words("too-large", { n: written(maxMb) })];
  return null;
}

/* Sending */

function body(job) {
  const data = new FormData();
  data.append("job", job);
  for (const { name, value } of form.querySelectorAll("select[name], input[type=number]")) data.append(name, value);
  for (const { file, name } of chosen) data.append("image", file, name);
  return data;
}

function tell(text, share) {
  const label = document.getElementById("progress-text");
  if (label.textContent !== text) label.textContent = text;
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
}

function busy(isBusy) {
  form.setAttribute("aria-busy", isBusy);
  document.getElementById("predict").hidden = isBusy;
  document.getElementById("progress").hidden = !isBusy;
  for (const field of form.querySelectorAll("input, select")) field.disabled = isBusy;
}

function follow(job, request) {
  tell(words("reading"), null);
  const timer = setInterval(async () => {
    if (request.readyState === XMLHttpRequest.DONE) {
      clearInterval(timer);
      return;
    }
    const answer = await fetch(`/progress/${job}`).then((response) => response.json(), () => ({}));
    // Every file is read twice: its header first, its pixels when the order is known.
    if (!(answer.total > 2)) return; // nothing said yet, or too few to count
    const [slice, count] = [answer.done, answer.total].map((n) => Math.ceil(n / 2));
    tell(words("reading-slice", { slice, count }), answer.done / answer.total);
  }, ASK_EVERY_MS);
}

function newJob() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function send() {
  const request = new XMLHttpRequest();
  const job = newJob();
  const data = body(job);
  const stop = (code, message, kept) => {
    busy(false);
    if (code) complain(code, message, kept);
  };
  document.getElementById("errors").replaceChildren();
  busy(true);
  tell(words("uploading"), 0);
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "upload");
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    tell(words("uploaded", { part: megabytes(loaded), whole: megabytes(total) }), loaded / total);
  });
  request.upload.addEventListener("load", () => follow(job, request));
  request.addEventListener("abort", () => stop());
  request.addEventListener("error", () => stop("interrupted", words("interrupted")));
  request.addEventListener("load", () => {
    const { location: found, error, kept } = request.response || {};
    if (found) location.assign(found);
    else if (error) stop(error.code, error.message, kept);
    else stop("interrupted", words("unexpected"));
  });
  document.getElementById("cancel").onclick = () => request.abort();
  request.send(data);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const wrong = mistake();
  if (wrong) complain(...wrong);
  else send();
});
for (const input of inputs) {
  input.required = false; // either of the two will do; `mistake` sees to it
  input.addEventListener("change", () => takeInput(input));
}
window.addEventListener("pageshow", () => {
  busy(false);
  const filled = inputs.find((input) => input.files.length);
  if (filled) takeInput(filled);
});
setUpDrop();
