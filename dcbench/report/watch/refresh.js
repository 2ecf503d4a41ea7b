// Keep a page of `dcbench report --watch` fresh. The server adds this script to the pages that it sends, never to a file.
// It asks the server for the version of the page, and loads a newer one at the same place and with the same choices.
(() => {
  "use strict";
  const { versionUrl, version } = document.currentScript.dataset;
  const INTERVAL = 2; // seconds between two requests
  const SETTLE_TIME = 3; // seconds in which a new page may still grow above the place that was read
  const KEY = `dcbench ${location.pathname}`;
  const LANDMARKS = "section[id], article[id], figure[id], details[id], h2[id], h3[id]";
  const FIELDS = "input, select, textarea, details";

  // --- the reader's place: the last landmark above the edge of the window, and how far above it is ------------------

  const top = (element) => element.getBoundingClientRect().top;

  function place() {
    const above = scrollY > 0 ? [...document.querySelectorAll(LANDMARKS)].filter((landmark) => top(landmark) <= 0).pop() : null;
    return { x: scrollX, y: scrollY, id: above ? above.id : "", above: above ? top(above) : 0 };
  }

  function goTo(saved) {
    const landmark = saved.id && document.getElementById(saved.id);
    scrollTo(saved.x, landmark ? scrollY + top(landmark) - saved.above : saved.y);
  }

  // Go there again whenever the page grows, unless the reader moves on.
  function settle(saved) {
    const grown = new ResizeObserver(() => goTo(saved));
    const leave = () => grown.disconnect();
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"])
      addEventListener(kind, leave, { once: true, passive: true });
    setTimeout(leave, SETTLE_TIME * 1000);
    grown.observe(document.body);
  }

  // --- the reader's choices: filters, and parts that are open -------------------------------------------------------

  const property = (field) =>
    field.tagName === "DETAILS" ? "open" : ["checkbox", "radio"].includes(field.type) ? "checked" : "value";
  const nameOf = (field, i) => field.id || `${field.name || ""}#${i}`;
  const fields = () => [...document.querySelectorAll(FIELDS)].map((field, i) => [nameOf(field, i), field]);
  const choices = () => Object.fromEntries(fields().map(([name, field]) => [name, field[property(field)]]));

  function choose(saved) {
    for (const [name, field] of fields()) {
      if (!(name in saved) || field[property(field)] === saved[name]) continue;
      field[property(field)] = saved[name];
      if (field.tagName === "DETAILS") continue; // the browser itself sends an event
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    }
  }

  // --- the message in the corner ------------------------------------------------------------------------------------

  const style = document.createElement("style");
  style.textContent = `
    #dcbench-watch { position: fixed; right: .5rem; bottom: .5rem; max-width: 30rem; margin: 0; padding: .1rem .7rem;
      border-radius: 1rem; border: 1px solid #888; background: Canvas; color: CanvasText;
      font: 13px/1.6 system-ui, sans-serif; z-index: 9; }
    #dcbench-watch.wrong { background: #7a1f0a; color: #fff; } #dcbench-watch a { color: inherit; }
    @media print { #dcbench-watch { display: none; } }`;
  const box = document.createElement("p");
  box.id = "dcbench-watch";
  const words = document.createElement("span");
  words.setAttribute("role", "status");
  const index = document.createElement("a");
  index.href = "/";
  index.textContent = "all reports";
  box.append(words);
  if (location.pathname !== "/") box.append(" · ", index);
  document.body.append(style, box);

  function say(text, wrong) {
    if (words.textContent !== text) words.textContent = text;
    box.classList.toggle("wrong", wrong);
  }

  // --- requests -----------------------------------------------------------------------------------------------------

  async function checkVersion() {
    if (document.hidden) return;
    let status;
    try {
      const response = await fetch(versionUrl + location.pathname);
      if (!response.ok) return say("this report no longer exists", true);
      status = await response.json();
    } catch {
      return say("no longer refreshed: dcbench report --watch has ended", true);
    }
    say(status.problem ? `not refreshed: ${status.problem}` : "refreshed as runs end", Boolean(status.problem));
    if (status.version === version) return;
    sessionStorage.setItem(KEY, JSON.stringify({ place: place(), choices: choices() }));
    history.scrollRestoration = "manual";
    location.reload();
  }

  const saved = JSON.parse(sessionStorage.getItem(KEY) || "null");
  sessionStorage.removeItem(KEY);
  if (saved)
    addEventListener("load", () => {
      history.scrollRestoration = "auto";
      choose(saved.choices);
      settle(saved.place);
    });
  say("refreshed as runs end", false);
  setInterval(checkVersion, INTERVAL * 1000);
  document.addEventListener("visibilitychange", checkVersion);
})();
