// The numbers as they come, without a reload. A lost connection is taken up again by the browser itself.

import { localTimes } from "./times.js";

const status = document.getElementById("status");
const source = new EventSource(status.dataset.events + location.search);

source.addEventListener("message", (event) => {
  // Whoever is about to press a button keeps it under their finger.
  if (status.contains(document.activeElement) && document.activeElement !== document.body) return;
  const template = document.createElement("template");
  template.innerHTML = event.data;
  localTimes(template.content);
  status.replaceChildren(template.content);
});

addEventListener("pagehide", () => source.close());
