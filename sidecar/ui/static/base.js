// What every page gets with scripts on: times in the browser's own zone, forms that are sent once, calm broken pictures.

import { localTimes } from "./times.js";

// A second press while the first is under way would decide twice, or about what is not there any more.
function sendOnce() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
  // Back in history a page is shown as it was left.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    }
  });
}

function markMissingPictures() {
  const mark = (image) => image.classList.add("missing");
  document.addEventListener("error", (event) => {
    if (event.target instanceof HTMLImageElement && event.target.matches(".picture")) mark(event.target);
  }, true);
  for (const image of document.querySelectorAll("img.picture")) {
    if (image.complete && image.naturalWidth === 0 && image.currentSrc) mark(image);
  }
}

localTimes();
sendOnce();
markMissingPictures();
