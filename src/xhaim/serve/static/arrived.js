// Asks whether more is known of a patient than the page shows, and shows it in place. Without it there is a link.
(() => {
  "use strict";
  const news = document.querySelector("[data-arrived]");
  const main = document.getElementById("main");
  if (!news || !main) return;
  const EVERY_MS = 1000;
  const SOON_MS = 250; // while new data is being read
  const SAID_MS = 30000;
  const told = news.querySelector("[data-arrived-news]");
  const link = news.querySelector("[data-arrived-link]");
  let version = news.dataset.version;
  if (link) link.hidden = true;

  // Whoever has the focus in the page, has ticked, typed or marked something is not disturbed: they are offered it.
  function busy() {
    const at = document.activeElement;
    if (at && at !== main && at !== document.body && main.contains(at) && !news.contains(at)) return true;
    if (!window.getSelection().isCollapsed) return true;
    if (main.querySelector("[data-without] input:checked, [data-feedback] input:checked")) return true;
    return Array.from(main.querySelectorAll("textarea")).some((one) => one.value !== "");
  }

  const folds = (root) => new Map(Array.from(root.querySelectorAll("details")).map((one) => [one.querySelector("summary").textContent.replace(/\d+/g, ""), one]));

  async function show(address) {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const from = fresh.getElementById("main");
    const state = from && from.querySelector("[data-arrived]");
    if (!state) { window.location.assign(address); return; }
    const [open, height] = [folds(main), window.scrollY];
    for (const [name, fold] of folds(from)) if (open.has(name)) fold.open = open.get(name).open;
    version = state.dataset.version;
    state.remove();
    while (news.nextSibling) news.nextSibling.remove();
    news.after(...Array.from(from.childNodes).map((one) => document.adoptNode(one)));
    window.history.replaceState(null, "", address);
    document.dispatchEvent(new CustomEvent("xhaim:shown"));
    window.scrollTo({ top: height, behavior: "instant" });
    const said = state.dataset.said;
    told.textContent = said;
    window.setTimeout(() => { if (told.textContent === said) told.textContent = ""; }, SAID_MS);
  }

  function offer(address) {
    if (told.querySelector("button")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Show it";
    button.addEventListener("click", () => show(address).then(() => main.focus({ preventScroll: true }), () => window.location.assign(address)));
    told.replaceChildren("New data has come and was read. ", button);
  }

  async function ask() {
    let wait = EVERY_MS;
    try {
      if (!document.hidden) {
        const answer = await fetch(news.dataset.ask, { headers: { accept: "application/json" } });
        if (answer.status === 401 || answer.status === 403) return; // logged out, or forgotten
        const now = await answer.json();
        if (now.reading) wait = SOON_MS;
        if (now.version === version) told.textContent = now.reading ? "New data has come and is being read." : told.textContent.replace(/^New data.*/, "");
        else if (busy()) offer(now.address);
        else await show(now.address);
      }
    } catch {
      wait = 5 * EVERY_MS; // the server is away: the page stays as it is
    }
    window.setTimeout(ask, wait);
  }
  window.setTimeout(ask, EVERY_MS);
})();
