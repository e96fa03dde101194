// Shows one explanation at a time beside its source. Without it the page is one long document with plain anchors.
(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const results = document.getElementById("results");
  const beside = window.matchMedia("(min-width: 1100px)");
  let shown = results;
  let cameFrom = null;

  document.documentElement.classList.add("js");
  if (!beside.matches) document.querySelector(".side details").open = false;

  function showView(view) {
    shown = view;
    for (const other of all("[data-view]")) other.hidden = other !== view;
    for (const sample of all("article.sample")) sample.hidden = !sample.contains(view);
    const here = "#" + view.id;
    for (const link of all(".tabs a, .side a")) {
      if (link.getAttribute("href") === here) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const sample = view.closest("article.sample");
    if (!sample) return;
    closeSource(sample);
    const first = view.querySelector("a.c");
    if (first && beside.matches) openSource(document.getElementById(first.hash.slice(1)), false);
  }

  function closeSource(sample) {
    for (const source of all(".source", sample)) source.hidden = true;
    sample.querySelector(".sources").classList.remove("open");
    for (const link of all("a.c[aria-current]", sample)) link.removeAttribute("aria-current");
  }

  function openSource(target, takeFocus) {
    const sample = target.closest("article.sample");
    const panel = target.closest(".sources");
    closeSource(sample);
    const source = target.closest(".source");
    source.hidden = false;
    panel.classList.add("open");
    for (const old of all(".on", panel)) old.classList.remove("on");
    const key = CSS.escape(target.id);
    target.classList.add("on");
    for (const part of all(`[data-rest="${key}"], [data-point="${key}"]`, source)) part.classList.add("on");
    for (const link of all(`a.c[href="#${key}"]`, sample)) link.setAttribute("aria-current", "true");
    panel.scrollTop = 0;
    const box = target.getBoundingClientRect();
    const frame = panel.getBoundingClientRect();
    if (box.bottom > frame.bottom - 24) panel.scrollTop = box.top - frame.top - frame.height / 3;
    if (takeFocus) target.focus({ preventScroll: true });
  }

  function go() {
    const target = document.getElementById(window.location.hash.slice(1)) || results;
    if (target.closest(".sources")) {
      const sample = target.closest("article.sample");
      if (!sample.contains(shown)) showView(sample.querySelector("[data-view]"));
      openSource(target, true);
      return;
    }
    const view = target.matches("article.sample") ? target.querySelector("[data-view]") : target.closest("[data-view]");
    if (!view) return;
    if (view !== shown) {
      showView(view);
      window.scrollTo(0, 0);
    } else if (!beside.matches && view !== results) closeSource(view.closest("article.sample"));
    if (view !== target && !target.matches("article.sample")) target.scrollIntoView({ block: "start" });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.c");
    if (link) {
      event.preventDefault(); // the browser's own jump would lose the reader's place in the text
      cameFrom = link;
      if (link.hash !== window.location.hash) window.history.pushState(null, "", link.hash);
      openSource(document.getElementById(link.hash.slice(1)), true);
    }
    if (event.target.closest("button.back")) goBack();
  });

  function goBack() {
    const sample = shown.closest("article.sample");
    if (!sample) return;
    if (!beside.matches) closeSource(sample);
    const link = cameFrom && shown.contains(cameFrom) ? cameFrom : shown.querySelector("a.c");
    if (link) link.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && shown !== results) goBack();
  });

  const filter = document.getElementById("filter");
  if (filter) {
    const list = document.getElementById("worklist");
    const original = Array.from(list.children);
    filter.addEventListener("change", () => {
      const risk = (item) => Number((item.querySelector("[data-task]:not([hidden])") || { dataset: {} }).dataset.risk || -1);
      for (const item of original) {
        for (const row of all("[data-task]", item)) row.hidden = filter.value !== "" && row.dataset.task !== filter.value;
        item.hidden = !item.querySelector("[data-task]:not([hidden])");
      }
      const order = filter.value === "" ? original : [...original].sort((a, b) => risk(b) - risk(a));
      list.append(...order);
    });
  }

  window.addEventListener("hashchange", go);
  showView(results);
  go();
})();
