// Opens sources beside the text, asks the model again, shows films. Without it every page reads as it stands.
(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const beside = window.matchMedia("(min-width: 1080px)");
  document.documentElement.classList.add("js");

  // Once for each content that is shown: what listens to the document ends with it (arrived.js puts another in its place).
  function begin(signal) {
    const panel = document.querySelector(".sources");

    // ---- sources: one at a time, at the words ----------------------------------------------------------------
    let cameFrom = null;
    const mine = () => all(":scope > .source", panel);

    function closeSource() {
      for (const source of mine()) source.hidden = true;
      panel.classList.remove("open");
      for (const link of all("a.c[aria-current]")) link.removeAttribute("aria-current");
      for (const old of all(".on", panel)) old.classList.remove("on");
    }

    function openSource(target, takeFocus) {
      closeSource();
      const source = target.closest(".source");
      source.hidden = false;
      const fold = source.closest("details");
      if (fold) fold.open = true;
      panel.classList.add("open");
      const key = CSS.escape(target.id);
      target.classList.add("on");
      for (const part of all(`[data-rest="${key}"], [data-point="${key}"]`, source)) part.classList.add("on");
      for (const link of all(`a.c[href="#${key}"]`)) link.setAttribute("aria-current", "true");
      panel.scrollTop = 0;
      const box = target.getBoundingClientRect();
      const frame = panel.getBoundingClientRect();
      if (box.bottom > frame.bottom - 24) panel.scrollTop = box.top - frame.top - frame.height / 3;
      if (takeFocus) target.focus({ preventScroll: true });
    }

    function goBack() {
      if (!beside.matches) closeSource();
      if (cameFrom) cameFrom.focus();
    }

    function follow(link) {
      const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (!target || !panel || !panel.contains(target)) return false;
      cameFrom = link;
      if (link.hash !== window.location.hash) window.history.pushState(null, "", link.hash);
      openSource(target, true);
      return true;
    }

    if (panel) {
      const hint = panel.querySelector("[data-sources-hint]");
      const first = document.querySelector("main a.c");
      closeSource();
      if (hint) hint.hidden = Boolean(first);
      const asked = window.location.hash ? document.getElementById(window.location.hash.slice(1)) : null;
      if (asked && panel.contains(asked)) openSource(asked, true);
      else if (first && beside.matches) openSource(document.getElementById(first.hash.slice(1)) || panel, false);
      document.addEventListener("click", (event) => {
        const link = event.target.closest("a.c");
        if (link && follow(link)) event.preventDefault();
        if (event.target.closest(".back-to-text")) goBack();
        const door = event.target.closest("a.k");
        const line = door && document.getElementById(door.hash.slice(1));
        if (line && line.closest("details")) line.closest("details").open = true;
      }, { signal });
      document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") goBack();
        if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
        if (event.key === "n" || event.key === "p") {
          const links = all(".ev a.c, .say a.c");
          const at = links.indexOf(cameFrom) + (event.key === "n" ? 1 : -1);
          if (links.length) follow(links[(at + links.length) % links.length]);
        }
      }, { signal });
    }

    // ---- forms that answer in place --------------------------------------------------------------------------
    async function send(form, sign) {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { accept: "application/json" }, signal: sign });
      const told = await answer.json().catch(() => ({ error: "The server's answer could not be read." }));
      if (!answer.ok) throw new Error(told.error || `The server answered ${answer.status}.`);
      return told;
    }

    function answering(form, place, work) {
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const buttons = all("button", form);
        for (const button of buttons) button.disabled = true;
        place.textContent = "One moment …";
        try {
          place.textContent = await work();
        } catch (error) {
          place.textContent = error.message;
        } finally {
          for (const button of buttons) button.disabled = false;
        }
      });
    }

    const without = document.querySelector("[data-without]");
    const answer = document.querySelector("[data-without-answer]");
    if (without && answer) {
      answering(without, answer, async () => (await send(without)).words);
      without.addEventListener("change", () => { answer.textContent = ""; });
    }

    const feedback = document.querySelector("[data-feedback]");
    if (feedback) {
      answering(feedback, feedback.querySelector("[data-feedback-answer]"), async () => {
        const told = await send(feedback);
        feedback.reset();
        return `Thank you: kept as number ${told.number}.`;
      });
    }

    const explain = document.querySelector("[data-explain]");
    if (explain) {
      const note = document.querySelector("[data-explain-note]");
      explain.hidden = true;
      note.textContent = "Reading the record and asking the model …";
      note.setAttribute("role", "status");
      send(explain).then(() => window.location.reload(), (error) => {
        note.textContent = error.message;
        explain.hidden = false;
      });
    }

    // ---- films: zoom, move, window ---------------------------------------------------------------------------
    const filter = document.getElementById("window");
    for (const film of all("[data-film]")) {
      const tools = film.querySelector(".film-tools");
      const frame = film.querySelector(".film-frame");
      if (!tools || !frame || !filter) continue;
      const image = frame.querySelector("img");
      const at = { zoom: 1, centre: 128, width: 256, x: 0, y: 0 };
      tools.hidden = false;
      const inputs = all("[data-film-set]", film);

      function draw() {
        const slope = 256 / at.width;
        const intercept = 0.5 - (at.centre / 255) * slope;
        const plain = at.width === 256 && at.centre === 128;
        for (const part of filter.firstElementChild.children) {
          part.setAttribute("slope", String(slope));
          part.setAttribute("intercept", String(intercept));
        }
        for (const other of all(".film-frame img")) other.style.filter = "";
        image.style.filter = plain ? "" : "url(#window)";
        image.style.transform = `translate(${at.x}px, ${at.y}px) scale(${at.zoom})`;
        for (const input of inputs) input.value = at[input.dataset.filmSet];
      }

      function zoomTo(zoom) {
        at.zoom = Math.min(6, Math.max(1, zoom));
        if (at.zoom === 1) at.x = at.y = 0;
        draw();
      }

      for (const input of inputs) input.addEventListener("input", () => { at[input.dataset.filmSet] = Number(input.value); zoomTo(at.zoom); });
      film.querySelector("[data-film-reset]").addEventListener("click", () => { Object.assign(at, { zoom: 1, centre: 128, width: 256, x: 0, y: 0 }); draw(); });
      frame.addEventListener("wheel", (event) => { event.preventDefault(); zoomTo(at.zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15)); }, { passive: false });
      frame.addEventListener("keydown", (event) => {
        const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
        if (event.key === "+" || event.key === "=") zoomTo(at.zoom * 1.25);
        else if (event.key === "-") zoomTo(at.zoom / 1.25);
        else if (at.zoom > 1 && moves[event.key]) { at.x += moves[event.key][0]; at.y += moves[event.key][1]; event.preventDefault(); draw(); }
      });
      let held = null;
      frame.addEventListener("pointerdown", (event) => { if (at.zoom > 1) { held = [event.clientX - at.x, event.clientY - at.y]; frame.setPointerCapture(event.pointerId); event.preventDefault(); } });
      frame.addEventListener("pointermove", (event) => { if (held) { at.x = event.clientX - held[0]; at.y = event.clientY - held[1]; draw(); } });
      for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => { held = null; });
      image.addEventListener("dragstart", (event) => event.preventDefault());
    }
  }

  let shown = new AbortController();
  document.addEventListener("xhaim:shown", () => {
    shown.abort();
    shown = new AbortController();
    begin(shown.signal);
  });
  begin(shown.signal);
})();
