// A stack in a panel beside the page from which it was opened; the same address is a whole page without scripts.

async function fetched(href) {
  const url = new URL(href, location.href);
  url.searchParams.set("fragment", "1");
  if (!url.searchParams.has("back")) url.searchParams.set("back", location.pathname + location.search);
  const answer = await fetch(url);
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
}

export function panel(dialog, within) {
  let opener = null;

  async function show(href) {
    let content;
    try {
      content = await fetched(href);
    } catch {
      location.assign(href);
      return;
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "close quiet";
    close.textContent = "×";
    close.setAttribute("aria-label", dialog.dataset.close ?? "×");
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(close, content);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  within.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-panel]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    opener = link;
    show(link.href);
  });

  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
    const link = event.target.closest("a[data-version]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    show(link.href);
  });

  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
    const links = [...dialog.querySelectorAll("a[data-version]")];
    const here = links.findIndex((link) => link.hasAttribute("aria-current"));
    const next = links[here + (event.key === "ArrowRight" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    show(next.href);
  });

  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    opener?.focus();
  });
}
