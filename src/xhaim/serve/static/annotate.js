// The annotation form by the keyboard: each score is sent at once, and called kept only when the server says so.
// Without this file the form is a plain form: the scores are sent by its button.
(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const form = document.getElementById("scores");
  const record = document.getElementById("record");
  const kept = document.getElementById("kept");
  const comment = document.getElementById("comment");
  const help = document.getElementById("help");
  const axes = all(".axis", form);
  let current = 0;
  let cameFrom = null;

  // ---- which dimension the keys are for
  function choose(place) {
    current = Math.max(0, Math.min(axes.length - 1, place));
    axes.forEach((axis, number) => axis.classList.toggle("on", number === current));
    const chosen = all("input", axes[current]).find((input) => input.checked) || axes[current].querySelector("input");
    chosen.focus({ preventScroll: true });
  }

  function tell() {
    for (const axis of axes) {
      const chosen = all("input", axis).find((input) => input.checked);
      for (const words of all(".words div", axis)) words.classList.toggle("on", !!chosen && words.id === chosen.getAttribute("aria-describedby"));
    }
  }

  function press(key) {
    const inputs = all("input", axes[current]);
    const wanted = inputs.find((input) => (input.dataset.key || input.value) === key);
    if (!wanted) return;
    wanted.checked = true;
    wanted.focus({ preventScroll: true });
    wanted.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // ---- what was given and is not yet kept
  const waiting = new Map();
  let sending = null;
  let refused = false;

  function keep(what, fields) {
    if (!form.dataset.keep) return;
    waiting.set(what, fields);
    refused = false;
    if (!sending) sending = send().finally(() => { sending = null; });
  }

  async function send() {
    while (waiting.size && !refused) {
      const [what, fields] = waiting.entries().next().value;
      const done = await sendOne(what, fields);
      if (done) {
        if (waiting.get(what) === fields) waiting.delete(what);
      } else if (!refused) {
        await new Promise((wait) => setTimeout(wait, 700));
      }
    }
    if (!waiting.size) say(`Kept at ${new Date().toLocaleTimeString()}.`, false);
  }

  async function sendOne(what, fields) {
    say("Keeping …", false);
    const path = what === "comment" ? "comment" : "score";
    try {
      const answer = await fetch(`${form.dataset.keep}/${path}`, {
        method: "POST",
        headers: { "x-csrf-token": form.elements.csrf.value, accept: "application/json" },
        body: new URLSearchParams(fields),
      });
      if (answer.ok) return true;
      if (answer.status === 429 || answer.status >= 500) return late();
      refused = true;
      const told = await answer.json().catch(() => ({}));
      say(`Not kept: ${told.error || "the server refuses it"}`, true);
      return false;
    } catch {
      return late();
    }
  }

  function late() {
    say("Not kept yet: the server does not answer. Trying again.", true);
    return false;
  }

  function say(words, isLate) {
    if (!kept) return;
    kept.textContent = words;
    kept.classList.toggle("late", isLate);
  }

  form.addEventListener("change", (event) => {
    const input = event.target;
    if (input.type !== "radio") return;
    tell();
    input.closest(".axis").removeAttribute("data-warn");
    keep(input.name, { dimension: input.name, score: input.value });
  });

  let pause = 0;
  const keepComment = () => keep("comment", { comment: comment.value });
  comment.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(keepComment, 500);
  });
  comment.addEventListener("change", keepComment);

  form.addEventListener("submit", async (event) => {
    if (!waiting.size && !sending) return;
    event.preventDefault();
    await sending;
    if (!waiting.size) form.submit();
  });

  // ---- sources
  function open(target) {
    for (const old of all(".on", record)) old.classList.remove("on");
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    const key = CSS.escape(target.id);
    target.classList.add("on");
    for (const part of all(`[data-rest="${key}"], [data-point="${key}"]`)) part.classList.add("on");
    for (const link of all("a.c")) link.toggleAttribute("aria-current", link.hash === `#${target.id}`);
    if (record.scrollHeight > record.clientHeight + 1) {
      record.scrollTop += target.getBoundingClientRect().top - record.getBoundingClientRect().top - record.clientHeight / 3;
      record.scrollIntoView({ block: "nearest" });
    } else {
      target.scrollIntoView({ block: "center" });
    }
    target.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.c, a.k");
    const target = link && document.getElementById(link.hash.slice(1));
    if (!target) return;
    event.preventDefault();
    cameFrom = link;
    open(target);
  });

  const find = document.getElementById("find");
  find.closest(".find").hidden = false;
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    const ranges = [];
    let parts = 0;
    for (const part of all(".part", record)) {
      const found = wanted && matches(part, wanted);
      part.hidden = Boolean(wanted) && !found.length;
      if (!wanted || !found.length) continue;
      parts += 1;
      part.open = part.open || parts <= 12;
      ranges.push(...found);
    }
    document.getElementById("found").textContent = wanted ? `${ranges.length} in ${parts}` : "";
    if (window.Highlight) CSS.highlights.set("found", new Highlight(...ranges));
  });

  function matches(part, wanted) {
    const found = [];
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.data.toLowerCase();
      for (let at = text.indexOf(wanted); at >= 0 && found.length < 500; at = text.indexOf(wanted, at + wanted.length)) {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + wanted.length);
        found.push(range);
      }
    }
    return found;
  }

  // ---- keys
  function visit(place) {
    if (!place || place.contains(document.activeElement)) choose(current);
    else place.focus();
  }

  const actions = {
    ArrowDown: () => choose(current + 1),
    ArrowUp: () => choose(current - 1),
    Enter: () => form.requestSubmit(),
    c: () => comment.focus(),
    e: () => visit(document.getElementById("explanation")),
    r: () => visit(record),
    "/": () => find.focus(),
    "?": () => help.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) {
      if (event.key === "Enter" && event.target === comment) form.requestSubmit();
      return;
    }
    const at = event.target;
    if (event.key === "Escape") {
      if (at === comment || at === find) choose(current);
      else if (cameFrom) cameFrom.focus();
      return;
    }
    if (at === comment || at === find) return;
    if (event.key === "Enter" && at.closest("a, button, summary")) return;
    if (event.key.startsWith("Arrow") && !form.contains(at) && at !== document.body) return;
    if (/^[0-9]$/.test(event.key)) {
      event.preventDefault();
      press(event.key);
    } else if (actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  });

  form.addEventListener("focusin", (event) => {
    const axis = event.target.closest(".axis");
    if (!axis) return;
    current = axes.indexOf(axis);
    axes.forEach((one, number) => one.classList.toggle("on", number === current));
  });

  const ask = document.getElementById("ask");
  ask.hidden = false;
  ask.addEventListener("click", () => help.showModal());
  tell();
  choose(Math.max(0, axes.findIndex((axis) => !all("input", axis).some((input) => input.checked))));
})();
