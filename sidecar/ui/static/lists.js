// A long list without its button: what comes next is fetched before it is scrolled to.

import { localTimes } from "./times.js";

const list = document.querySelector("[data-list]");

async function more(link) {
  const url = new URL(link.href);
  url.searchParams.set("fragment", "1");
  link.setAttribute("aria-busy", "true");
  let answer = null;
  try {
    answer = await fetch(url);
  } catch {
    // The link still is one: whoever presses it is told what is wrong.
  }
  link.removeAttribute("aria-busy");
  if (!answer?.ok) return;
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  localTimes(template.content);
  list.querySelector("[data-items]").append(...template.content.querySelector("[data-items]").children);
  link.closest(".next-page").replaceWith(template.content.querySelector(".next-page") ?? "");
  watch();
}

const nearly = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    nearly.unobserve(entry.target);
    more(entry.target);
  }
}, { rootMargin: "800px" });

function watch() {
  for (const link of list.querySelectorAll("a[data-next]")) nearly.observe(link);
}

if (list) watch();
