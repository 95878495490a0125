// Two copies under one lens: zoom and pan move both, a slider wipes one over the other, a difference shows what changed.

const MOST_ZOOM = 16;
const STEP = 1.5;

const viewer = document.querySelector("[data-viewer]");
const panes = viewer.querySelector("[data-panes]");
const form = document.querySelector("[data-decide]");
const wipe = viewer.querySelector("[data-wipe]");
const modes = [...viewer.querySelectorAll("[data-mode-button]")];
const view = { zoom: 1, x: 0, y: 0 };

function drawn() {
  const window_ = panes.querySelector(".window").getBoundingClientRect();
  view.zoom = Math.min(Math.max(view.zoom, 1), MOST_ZOOM);
  // No further than the picture's edge.
  view.x = Math.min(0, Math.max(view.x, window_.width * (1 - view.zoom)));
  view.y = Math.min(0, Math.max(view.y, window_.height * (1 - view.zoom)));
  viewer.style.setProperty("--zoom", view.zoom);
  viewer.style.setProperty("--x", `${view.x}px`);
  viewer.style.setProperty("--y", `${view.y}px`);
  viewer.toggleAttribute("data-zoomed", view.zoom > 1);
}

function zoomAt(factor, x, y) {
  const zoom = Math.min(Math.max(view.zoom * factor, 1), MOST_ZOOM);
  view.x = x - (x - view.x) * (zoom / view.zoom);
  view.y = y - (y - view.y) * (zoom / view.zoom);
  view.zoom = zoom;
  drawn();
}

function zoomMiddle(factor) {
  const box = panes.querySelector(".window").getBoundingClientRect();
  zoomAt(factor, box.width / 2, box.height / 2);
}

function fit() {
  Object.assign(view, { zoom: 1, x: 0, y: 0 });
  drawn();
}

function show(mode) {
  viewer.dataset.mode = mode;
  wipe.hidden = mode !== "slider";
  for (const button of modes) button.setAttribute("aria-pressed", String(button.dataset.modeButton === mode));
  fit();
}

function within(event) {
  const box = event.target.closest(".window").getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

const fingers = new Map();

panes.addEventListener("wheel", (event) => {
  if (!event.target.closest(".window") || !(event.ctrlKey || view.zoom > 1)) return;
  event.preventDefault();
  zoomAt(event.deltaY < 0 ? STEP : 1 / STEP, ...within(event));
}, { passive: false });

panes.addEventListener("dblclick", (event) => {
  if (event.target.closest(".window")) view.zoom > 1 ? fit() : zoomAt(STEP * STEP, ...within(event));
});

panes.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".window")) return;
  fingers.set(event.pointerId, event);
});

panes.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  if (fingers.size === 2) {
    const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    if (apart(before) > 0 && event.target.closest(".window")) zoomAt(apart(event) / apart(before), ...within(event));
  } else if (view.zoom > 1) {
    view.x += event.clientX - before.clientX;
    view.y += event.clientY - before.clientY;
    drawn();
  }
  fingers.set(event.pointerId, event);
});

for (const kind of ["pointerup", "pointercancel", "pointerleave"]) {
  panes.addEventListener(kind, (event) => fingers.delete(event.pointerId));
}

// A browser would carry the picture away instead of moving it.
panes.addEventListener("dragstart", (event) => event.preventDefault());

viewer.addEventListener("click", (event) => {
  const mode = event.target.closest("[data-mode-button]");
  if (mode) show(mode.dataset.modeButton);
  const zoom = event.target.closest("[data-zoom]")?.dataset.zoom;
  if (zoom === "in") zoomMiddle(STEP);
  if (zoom === "out") zoomMiddle(1 / STEP);
  if (zoom === "fit") fit();
});

wipe.querySelector("input").addEventListener("input", (event) => {
  viewer.style.setProperty("--wiped", `${event.target.value}%`);
});

function press(key) {
  const box = /^[1-9]$/.test(key) ? form.querySelectorAll("[data-keep]")[Number(key) - 1] : null;
  if (box && !box.disabled) {
    box.checked = !box.checked;
    box.focus();
    return true;
  }
  const button = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (button) {
    button.click();
    return true;
  }
  const deeds = {
    v: () => show(modes[(modes.findIndex((each) => each.dataset.modeButton === viewer.dataset.mode) + 1) % modes.length].dataset.modeButton),
    "+": () => zoomMiddle(STEP),
    "-": () => zoomMiddle(1 / STEP),
    0: fit,
  };
  deeds[key]?.();
  return key in deeds;
}

document.addEventListener("keydown", (event) => {
  // What is held down, typed into a field, or meant for the browser decides nothing.
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  if (press(event.key.toLowerCase())) event.preventDefault();
});

viewer.querySelector("[data-modes]").hidden = false;
document.querySelector("[data-help]").hidden = false;
