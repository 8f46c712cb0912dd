// Improves pages that work without it.
"use strict";

document.documentElement.classList.add("js");

const PREVIEW_TYPES = ["image/png", "image/jpeg", "image/bmp", "image/webp"];
const PREVIEW_BYTES = 16 * 1024 * 1024;
const NAMES_SHOWN = 5;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/* Upload: names, preview, drag and drop. */

function showChosen(input, box) {
  const files = Array.from(input.files);
  box.replaceChildren();
  box.hidden = files.length === 0;
  if (!files.length) return;
  const first = files[0];
  if (PREVIEW_TYPES.includes(first.type) && first.size <= PREVIEW_BYTES) {
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      if (input.files[0] !== first) return;
      const picture = element("img", "preview");
      picture.alt = "Preview of " + first.name;
      picture.addEventListener("error", () => picture.remove());
      picture.src = reader.result;
      box.prepend(picture);
    });
    reader.readAsDataURL(first);
  }
  const names = element("ul");
  for (const file of files.slice(0, NAMES_SHOWN)) names.append(element("li", "", file.name));
  if (files.length > NAMES_SHOWN) names.append(element("li", "hint", "and " + (files.length - NAMES_SHOWN) + " more"));
  box.append(names);
}

function setUpUpload(form) {
  const input = form.querySelector("input[type=file]");
  const box = document.getElementById("chosen");
  input.addEventListener("change", () => showChosen(input, box));
  window.addEventListener("pageshow", () => showChosen(input, box));
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
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    showChosen(input, box);
  });
}

/* Submission: say so, and take no second press. */

function submitters(form) {
  return form.querySelectorAll("button[type=submit], input[type=image]");
}

function setUpBusy(form) {
  form.addEventListener("submit", (event) => {
    const pressed = event.submitter;
    const shown = pressed && pressed.tagName === "BUTTON" ? pressed : form.querySelector("button.primary");
    // After the event: a disabled button would not be sent along.
    setTimeout(() => {
      form.setAttribute("aria-busy", "true");
      for (const button of submitters(form)) button.disabled = true;
      if (!shown) return;
      shown.dataset.label = shown.textContent;
      shown.textContent = form.dataset.busy;
    }, 0);
  });
  window.addEventListener("pageshow", () => {
    form.removeAttribute("aria-busy");
    for (const button of submitters(form)) {
      button.disabled = false;
      if (button.dataset.label) button.textContent = button.dataset.label;
      delete button.dataset.label;
    }
  });
}

/* Choosing the nodule: crosshair with row and column. */

function setUpPicker(form) {
  const picker = form.querySelector(".picker");
  const image = form.querySelector("input[type=image]");
  const readout = document.getElementById("readout");
  const across = picker.querySelector(".hair-h");
  const down = picker.querySelector(".hair-v");
  const numbers = [form.elements.row, form.elements.col];
  const slice = form.querySelector("#slice");
  const idle = readout.textContent;

  image.addEventListener("pointermove", (event) => {
    const box = image.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    across.style.top = y + "px";
    down.style.left = x + "px";
    across.hidden = down.hidden = false;
    const row = Math.min(Math.max((y / box.height) * picker.dataset.rows, 0), picker.dataset.rows - 1);
    const col = Math.min(Math.max((x / box.width) * picker.dataset.cols, 0), picker.dataset.cols - 1);
    readout.textContent = "Row " + Math.round(row) + ", column " + Math.round(col);
  });
  image.addEventListener("pointerleave", () => {
    across.hidden = down.hidden = true;
    readout.textContent = idle;
  });
  // A click means the place clicked in the slice shown, whatever the number fields say.
  image.addEventListener("click", () => {
    for (const field of numbers) field.value = "";
    if (slice) slice.value = slice.defaultValue;
  });
  if (!slice) return;
  slice.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    document.getElementById("show-slice").click();
  });
  slice.addEventListener("change", () => {
    for (const field of numbers) field.value = "";
  });
}

document.querySelectorAll("form[data-drop]").forEach(setUpUpload);
document.querySelectorAll("form[data-busy]").forEach(setUpBusy);
document.querySelectorAll("form#choose").forEach(setUpPicker);
document.querySelectorAll("#print").forEach((button) => button.addEventListener("click", () => window.print()));
