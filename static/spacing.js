// The pixel spacing from a line of known length: what is drawn on an image fills the form in.

const byId = (id) => document.getElementById(id);
export const word = (name) => byId("spacing-form").querySelector("template").content.querySelector(`[data-word="${name}"]`).textContent;

// `begin(on)` lets a line be drawn on the image, or no longer. Returns what is to be told of each line:
// `measured({px, mm})`, its length in pixels and, by the present spacing, in mm. Null without the form.
export function offerSpacing({ pixelMm, begin }) {
  const form = byId("spacing-form");
  if (!form || !pixelMm) return null;
  const button = byId("measure-line");
  const known = byId("known-mm");
  const spacing = byId("spacing-mm");
  let line = null;
  let isOn = false;

  button.addEventListener("click", () => {
    isOn = !isOn;
    button.setAttribute("aria-pressed", isOn);
    byId("line-hint").hidden = !isOn;
    begin(isOn);
  });

  function fillIn() {
    if (!line || !(known.valueAsNumber > 0)) return;
    const [low, high] = [spacing, spacing].map((field, i) => Number(i ? field.max : field.min));
    const mm = (pixelMm * known.valueAsNumber) / line.mm;
    spacing.value = Math.min(Math.max(mm, low), high).toFixed(4);
  }

  known.addEventListener("input", fillIn);
  return {
    measured(length) {
      if (!isOn || !(length.mm > 0)) return;
      line = length;
      byId("line-known").hidden = false;
      byId("line-px").textContent = word("line-px").replace("{px}", length.px.toFixed(0));
      fillIn();
    },
  };
}
