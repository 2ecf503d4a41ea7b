// The coverage map: what a square stands for is said on hover and focus; squares of runs filtered out fade.
const squares = [...document.querySelectorAll("#map a")];
const runOf = (square) => runs[Number(square.dataset.run)];

/** The square that an arrow leads to: along its row, or the nearest in the rows above and below. */
function toward(square, key) {
  const place = squares.indexOf(square);
  if (key === "ArrowLeft" || key === "ArrowRight") return squares[place + (key === "ArrowRight" ? 1 : -1)];
  const line = (one) => one.closest("tr").rowIndex;
  const far = (one) => Math.abs(one.getBoundingClientRect().x - square.getBoundingClientRect().x);
  const rest = squares.filter((one) => (key === "ArrowDown" ? line(one) > line(square) : line(one) < line(square)));
  const edge = rest.map(line).reduce((one, other) => (key === "ArrowDown" ? Math.min : Math.max)(one, other), rest.length && line(rest[0]));
  return rest.filter((one) => line(one) === edge).sort((one, other) => far(one) - far(other))[0];
}

rove(squares, toward);
for (const square of squares) {
  for (const event of ["mouseenter", "focus"]) square.addEventListener(event, () => describe(runOf(square)));
  square.addEventListener("mouseleave", () => (picked ? describe(picked) : say("")));
  picksOnClick(square, runOf(square));
}
parts.push({
  filter: () => squares.forEach((square) => square.classList.toggle("faded", !runOf(square).shown)),
  pick: () => squares.forEach((square) => square.classList.toggle("picked", runOf(square) === picked)),
});
