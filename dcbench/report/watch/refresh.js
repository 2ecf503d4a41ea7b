// Keeps a page that `dcbench report --watch` sends fresh. It stands in what is sent only, never in a file on disk:
// it asks this server whether there is a newer page and loads that, at the same place and with the same choices.
(() => {
  "use strict";
  const { ask, version } = document.currentScript.dataset;
  const SECONDS = 2; // between two questions
  const SETTLING = 3; // in which a page may still grow under the place that was read
  const KEY = `dcbench ${location.pathname}`;
  const LANDMARKS = "section[id], article[id], figure[id], details[id], h2[id], h3[id]";
  const FIELDS = "input, select, textarea, details";

  // --- the place that is read: the last landmark above the window's edge, and how far above -------------------------

  const top = (element) => element.getBoundingClientRect().top;

  function place() {
    const above = scrollY > 0 ? [...document.querySelectorAll(LANDMARKS)].filter((one) => top(one) <= 0).pop() : null;
    return { x: scrollX, y: scrollY, id: above ? above.id : "", above: above ? top(above) : 0 };
  }

  function goTo(kept) {
    const landmark = kept.id && document.getElementById(kept.id);
    scrollTo(kept.x, landmark ? scrollY + top(landmark) - kept.above : kept.y);
  }

  // and again whenever the page grows, unless the reader moves on
  function settle(kept) {
    const grown = new ResizeObserver(() => goTo(kept));
    const leave = () => grown.disconnect();
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"])
      addEventListener(kind, leave, { once: true, passive: true });
    setTimeout(leave, SETTLING * 1000);
    grown.observe(document.body);
  }

  // --- what was chosen: filters, and parts that were opened ---------------------------------------------------------

  const property = (field) =>
    field.tagName === "DETAILS" ? "open" : ["checkbox", "radio"].includes(field.type) ? "checked" : "value";
  const nameOf = (field, at) => field.id || `${field.name || ""}#${at}`;
  const fields = () => [...document.querySelectorAll(FIELDS)].map((field, at) => [nameOf(field, at), field]);
  const choices = () => Object.fromEntries(fields().map(([name, field]) => [name, field[property(field)]]));

  function choose(kept) {
    for (const [name, field] of fields()) {
      if (!(name in kept) || field[property(field)] === kept[name]) continue;
      field[property(field)] = kept[name];
      if (field.tagName === "DETAILS") continue; // which the browser itself tells of
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    }
  }

  // --- what is said -------------------------------------------------------------------------------------------------

  const style = document.createElement("style");
  style.textContent = `
    #dcbench-watch { position: fixed; right: .5rem; bottom: .5rem; max-width: 30rem; margin: 0; padding: .1rem .7rem;
      border-radius: 1rem; border: 1px solid #888; background: Canvas; color: CanvasText;
      font: 13px/1.6 system-ui, sans-serif; z-index: 9; }
    #dcbench-watch.wrong { background: #7a1f0a; color: #fff; } #dcbench-watch a { color: inherit; }
    @media print { #dcbench-watch { display: none; } }`;
  const said = document.createElement("p");
  said.id = "dcbench-watch";
  const words = document.createElement("span");
  words.setAttribute("role", "status");
  const index = document.createElement("a");
  index.href = "/";
  index.textContent = "all reports";
  said.append(words);
  if (location.pathname !== "/") said.append(" · ", index);
  document.body.append(style, said);

  function say(text, wrong) {
    if (words.textContent !== text) words.textContent = text;
    said.classList.toggle("wrong", wrong);
  }

  // --- asking -------------------------------------------------------------------------------------------------------

  async function look() {
    if (document.hidden) return;
    let told;
    try {
      const answer = await fetch(ask + location.pathname);
      if (!answer.ok) return say("this report is gone", true);
      told = await answer.json();
    } catch {
      return say("no longer refreshed: dcbench report --watch has ended", true);
    }
    say(told.problem ? `not refreshed: ${told.problem}` : "refreshed as runs end", Boolean(told.problem));
    if (told.version === version) return;
    sessionStorage.setItem(KEY, JSON.stringify({ place: place(), choices: choices() }));
    history.scrollRestoration = "manual";
    location.reload();
  }

  const kept = JSON.parse(sessionStorage.getItem(KEY) || "null");
  sessionStorage.removeItem(KEY);
  if (kept)
    addEventListener("load", () => {
      history.scrollRestoration = "auto";
      choose(kept.choices);
      settle(kept.place);
    });
  say("refreshed as runs end", false);
  setInterval(look, SECONDS * 1000);
  document.addEventListener("visibilitychange", look);
})();
