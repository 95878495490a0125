// Settings with scripts on: what would change is shown while one chooses, part by part, and order is put in place.

const RESTS_MS = 600;

const form = document.querySelector("form[data-settings]");
const shown = form?.querySelector("[data-preview]");
let asking = null;
let timer = 0;

// Each part is a request of its own and carries what the parts before said; a new choice ends those under way.
async function look({ anew }) {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  const sent = new FormData(form);
  if (anew) {
    sent.delete("start");
    sent.delete("so_far");
  }
  shown.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${form.dataset.settings}?fragment=1`, {
      method: "POST",
      body: new URLSearchParams(sent),
      signal: mine.signal,
    });
    const read = new DOMParser().parseFromString(await answer.text(), "text/html");
    shown.replaceChildren(...read.body.childNodes);
  } catch {
    if (mine.signal.aborted) return;
    // Immich or the sidecar is away: what was shown says nothing any more.
    shown.replaceChildren();
  }
  shown.removeAttribute("aria-busy");
  if (shown.querySelector("[data-next]")) await look({ anew: false });
}

function lookSoon() {
  clearTimeout(timer);
  asking?.abort();
  timer = setTimeout(() => look({ anew: true }), RESTS_MS);
}

function move(button) {
  const row = button.closest("li");
  const other = button.dataset.move === "up" ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (button.dataset.move === "up") other.before(row);
  else other.after(row);
  const stays = getComputedStyle(button).visibility === "visible";
  (stays ? button : row.querySelector("input[type=checkbox]")).focus();
  lookSoon();
}

if (form) {
  form.addEventListener("input", lookSoon);
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.dataset.move) {
      event.preventDefault();
      move(button);
    } else if (button?.dataset.look !== undefined) {
      event.preventDefault();
      clearTimeout(timer);
      look({ anew: button.dataset.look === "anew" }).then(() => {
        shown.querySelector("h2")?.scrollIntoView({ block: "nearest" });
      });
    }
  });
}
