// The table of all runs: sorted by a column's head, narrowed by the filters, a row picked by its number.
const body = table.tBodies[0];

/** A cell's number, else its text; null where it is empty. */
function valueOf(cell) {
  const text = (cell.firstChild ? cell.firstChild.textContent : "").trim();
  const number = Number(text.replace("\u2212", "-"));
  return text === "" ? null : Number.isNaN(number) ? text : number;
}

const words = new Intl.Collator(undefined, { numeric: true });

/** Order of two values; empty ones come last whichever way. */
function order(one, other, way) {
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === "number" && typeof other === "number") return way * (one - other);
  return way * words.compare(one, other);
}

function sortBy(head, column) {
  const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
  const keyed = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
  body.append(...keyed.sort(([one], [other]) => order(one, other, way)).map(([, row]) => row));
}

[...table.tHead.rows[0].cells].forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sortBy(head, column));
  head.append(button);
});

function beside(link, key) {
  const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[key];
  let row = step && link.closest("tr")[step];
  while (row && row.hidden) row = row[step];
  return row && row.querySelector("a");
}

const links = runs.map((run) => run.row.querySelector("a"));
rove(links, beside);
links.forEach((link, number) => picksOnClick(link, runs[number]));
parts.push({
  filter: () => runs.forEach((run) => (run.row.hidden = !run.shown)),
  pick: () => runs.forEach((run) => run.row.classList.toggle("picked", run === picked)),
});
