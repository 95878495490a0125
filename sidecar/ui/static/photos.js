// The timeline without its buttons: older photos come by themselves, and a stack opens beside the grid.

import { panel } from "./panel.js";

const timeline = document.getElementById("timeline");

function withoutFragment(href) {
  const url = new URL(href, location.href);
  url.searchParams.delete("fragment");
  return url.pathname + url.search;
}

async function more(link) {
  link.removeAttribute("data-next");
  link.setAttribute("aria-busy", "true");
  const url = new URL(link.href);
  url.searchParams.set("fragment", "1");
  let answer;
  try {
    answer = await fetch(url, { headers: { Accept: "text/html" } });
  } catch {
    answer = null;
  }
  if (!answer?.ok) {
    // The link still is one: whoever presses it is told what is wrong.
    link.removeAttribute("aria-busy");
    return;
  }
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  const first = template.content.querySelector(".day");
  const last = timeline.querySelector(".day:last-of-type");
  link.closest(".next-page").remove();
  if (first) first.dataset.begins = withoutFragment(url);
  if (first && last && first.dataset.day === last.dataset.day) {
    // A day that goes on is one day.
    last.querySelector(".grid").append(...first.querySelector(".grid").children);
    const next = first.nextElementSibling;
    if (next?.matches(".day")) next.dataset.begins = first.dataset.begins;
    first.remove();
  }
  timeline.append(template.content);
  watch();
}

const nearly = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    nearly.unobserve(entry.target);
    more(entry.target);
  }
}, { rootMargin: "1500px" });

// Who comes back from a photo finds the timeline where it was left: the address names the page on the screen.
const onScreen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) history.replaceState(history.state, "", entry.target.dataset.begins);
  }
}, { rootMargin: "-20% 0px -70% 0px" });

function watch() {
  for (const link of timeline.querySelectorAll("a[data-next]")) nearly.observe(link);
  for (const day of timeline.querySelectorAll(".day[data-begins]")) onScreen.observe(day);
}

if (timeline) {
  const first = timeline.querySelector(".day");
  if (first) first.dataset.begins = location.pathname + location.search;
  watch();
  panel(document.getElementById("panel"), timeline);
}
