// The table of all runs: a click on a head sorts by its column, filters hide rows, and a click on a number picks a run.
const body = table.tBodies[0];

/** Return a cell's number, or its text where it is none; null where it is empty. */
function valueOf(cell) {
  const text = (cell.firstChild ? cell.firstChild.textContent : "").trim();
  const number = Number(text.replace("\u2212", "-"));
  return text === "" ? null : Number.isNaN(number) ? text : number;
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** Compare two values; empty ones come last in either direction. */
function compare(first, second, direction) {
  if (first === null || second === null) return (first === null) - (second === null);
  if (typeof first === "number" && typeof second === "number") return direction * (first - second);
  return direction * collator.compare(first, second);
}

function sortBy(head, column) {
  const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  const keyed = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
  body.append(...keyed.sort(([first], [second]) => compare(first, second, direction)).map(([, row]) => row));
}

[...table.tHead.rows[0].cells].forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sortBy(head, column));
  head.append(button);
});

function nextLink(link, key) {
  const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[key];
  let row = step && link.closest("tr")[step];
  while (row && row.hidden) row = row[step];
  return row && row.querySelector("a");
}

const links = runs.map((run) => run.row.querySelector("a"));
rove(links, nextLink);
links.forEach((link, number) => picksOnClick(link, runs[number]));
parts.push({
  filter: () => runs.forEach((run) => (run.row.hidden = !run.shown)),
  pick: () => runs.forEach((run) => run.row.classList.toggle("picked", run === picked)),
});
