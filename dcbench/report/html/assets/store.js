// What table, map and curves share: the runs as the table has them, which are shown, which is picked.
const byId = (id) => document.getElementById(id);
const table = byId("all-runs");
const said = byId("said");
const boxes = [...document.querySelectorAll("#filters input[type=checkbox]")];
const parts = []; // each {filter(), pick()}: called when the shown runs, or the picked one, are others
let picked = null;

const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
const runs = [...table.tBodies[0].rows].map((row, number) => ({
  row,
  number,
  at: row.dataset.at.split(" ").map(Number), // the place of its value in each filter
  text: row.textContent.toLowerCase(),
  shown: true,
}));

/** What a run is, in words: its values of the axes, and the seed. */
const nameOf = (run) =>
  heads
    .slice(1, 1 + Number(table.dataset.words))
    .map((head, place) => `${head} ${run.row.cells[1 + place].textContent}`)
    .join(", ");

/** How a run stands: its state and health, with the reasons in brackets. */
const stateOf = (run) =>
  ["state", "health"]
    .map((name) => run.row.querySelector(`.${name}`))
    .filter((cell) => cell.textContent)
    .map((cell) => [...cell.childNodes].map((node) => node.textContent.trim()).filter(Boolean))
    .map(([word, why]) => (why ? `${word} (${why})` : word))
    .join(", ");

const say = (text) => (said.textContent = text);
const describe = (run) => say(`Run ${run.number + 1}: ${nameOf(run)}; ${stateOf(run)}`);

function filter() {
  const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const refused = boxes.filter((box) => !box.checked).map((box) => [Number(box.dataset.filter), Number(box.value)]);
  for (const run of runs)
    run.shown = words.every((word) => run.text.includes(word)) && refused.every(([one, value]) => run.at[one] !== value);
  byId("count").textContent = `${runs.filter((run) => run.shown).length} of ${runs.length} runs shown`;
  for (const part of parts) part.filter();
}

/** Pick a run, or none when it is picked already. */
function pick(run) {
  picked = run === picked ? null : run;
  for (const part of parts) part.pick();
  if (picked) describe(picked);
  else say("");
}

/** One tab stop for many elements; arrow keys go on to the one that `next` names. */
function rove(elements, next) {
  const stop = (element) => elements.forEach((one) => (one.tabIndex = one === element ? 0 : -1));
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

/** A link to a run's row picks it; when it is picked already, the link is followed. */
function picksOnClick(link, run) {
  link.addEventListener("click", (event) => {
    if (picked !== run) event.preventDefault();
    if (picked !== run) pick(run);
  });
}

for (const box of boxes) box.addEventListener("change", filter);
byId("find").addEventListener("input", filter);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", () => setTimeout(filter)); // the boxes are reset after the event
addEventListener("keydown", (event) => event.key === "Escape" && picked && pick(picked));

// what scrolls sideways can be scrolled with the keyboard, and is no tab stop otherwise
const overflown = new ResizeObserver((entries) => {
  for (const { target } of entries)
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
});
for (const one of document.querySelectorAll(".wide")) overflown.observe(one);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
