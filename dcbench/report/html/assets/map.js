// The coverage map: hovering or focusing a square describes its run; squares of hidden runs fade.
const squares = [...document.querySelectorAll("#map a")];
const runOf = (square) => runs[Number(square.dataset.run)];

/** Return the square that an arrow key leads to: the next in its row, or the nearest in the row above or below. */
function toward(square, key) {
  const place = squares.indexOf(square);
  if (key === "ArrowLeft" || key === "ArrowRight") return squares[place + (key === "ArrowRight" ? 1 : -1)];
  const line = (other) => other.closest("tr").rowIndex;
  const distance = (other) => Math.abs(other.getBoundingClientRect().x - square.getBoundingClientRect().x);
  const rest = squares.filter((other) => (key === "ArrowDown" ? line(other) > line(square) : line(other) < line(square)));
  const edge = rest.map(line).reduce((first, second) => (key === "ArrowDown" ? Math.min : Math.max)(first, second), rest.length && line(rest[0]));
  return rest.filter((other) => line(other) === edge).sort((first, second) => distance(first) - distance(second))[0];
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
