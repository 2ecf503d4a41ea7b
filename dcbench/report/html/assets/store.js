// What the table, the map and the curves share: the runs of the table, which of them are shown, and which is picked.
const byId = (id) => document.getElementById(id);
const table = byId("all-runs");
const message = byId("message");
const boxes = [...document.querySelectorAll("#filters input[type=checkbox]")];
const parts = []; // each {filter(), pick()}, called when other runs are shown, or another run is picked
let picked = null;

const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
const runs = [...table.tBodies[0].rows].map((row, number) => ({
  row,
  number,
  filterValues: row.dataset.filters.split(" ").map(Number), // the index of its value in each filter
  text: row.textContent.toLowerCase(),
  shown: true,
}));

/** Describe a run by its values of the axes and its seed. */
const nameOf = (run) =>
  heads
    .slice(1, 1 + Number(table.dataset.fields))
    .map((head, place) => `${head} ${run.row.cells[1 + place].textContent}`)
    .join(", ");

/** Describe a run's state and health, with the reasons in brackets. */
const stateOf = (run) =>
  ["state", "health"]
    .map((name) => run.row.querySelector(`.${name}`))
    .filter((cell) => cell.textContent)
    .map((cell) => [...cell.childNodes].map((node) => node.textContent.trim()).filter(Boolean))
    .map(([state, reason]) => (reason ? `${state} (${reason})` : state))
    .join(", ");

const say = (text) => (message.textContent = text);
const describe = (run) => say(`Run ${run.number + 1}: ${nameOf(run)}; ${stateOf(run)}`);

function filter() {
  const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const refused = boxes.filter((box) => !box.checked).map((box) => [Number(box.dataset.filter), Number(box.value)]);
  for (const run of runs)
    run.shown = words.every((word) => run.text.includes(word)) && refused.every(([field, value]) => run.filterValues[field] !== value);
  byId("count").textContent = `${runs.filter((run) => run.shown).length} of ${runs.length} runs shown`;
  for (const part of parts) part.filter();
}

/** Pick a run, or unpick it when it is picked already. */
function pick(run) {
  picked = run === picked ? null : run;
  for (const part of parts) part.pick();
  if (picked) describe(picked);
  else say("");
}

/** Make many elements one tab stop; arrow keys move the focus to the element that `next` returns. */
function rove(elements, next) {
  const stop = (element) => elements.forEach((other) => (other.tabIndex = other === element ? 0 : -1));
  if (elements.length) stop(elements[0]);
  for (const element of elements) {
    element.addEventListener("focus", () => stop(element));
    element.addEventListener("keydown", (event) => {
      const other = event.key.startsWith("Arrow") && next(element, event.key);
      if (!other) return;
      event.preventDefault();
      other.focus();
    });
  }
}

/** Make a link to a run's row pick the run; when it is picked already, the link is followed. */
function picksOnClick(link, run) {
  link.addEventListener("click", (event) => {
    if (picked !== run) event.preventDefault();
    if (picked !== run) pick(run);
  });
}

for (const box of boxes) box.addEventListener("change", filter);
byId("find").addEventListener("input", filter);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", () => setTimeout(filter)); // the boxes change only after the event
addEventListener("keydown", (event) => event.key === "Escape" && picked && pick(picked));

// What scrolls sideways needs a tab stop, so that the keyboard can scroll it, too.
const overflown = new ResizeObserver((entries) => {
  for (const { target } of entries)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
});
for (const element of document.querySelectorAll(".wide")) overflown.observe(element);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => (details.open = true)));
