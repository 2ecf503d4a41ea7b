// Curves of the shown runs: a panel for each value of one field, a colour for each value of another. Hovering and arrow
// keys say a run's value. Nothing here knows what a field means: everything comes from the table and the data block.
const SIZE = { width: 360, height: 230, left: 44, right: 10, top: 8, bottom: 34 };
const choices = { metric: byId("metric"), colour: byId("colour"), panels: byId("panels") };
let block = null; // all curves
let data = null; // those of the chosen metric: {label, epochs, values}, by the number of the run
let views = [];

/** Return the values that steps lead to; null where there is none. */
function decoded({ scale, curves }) {
  const whole = (steps) => {
    let last = 0;
    return steps.map((step) => (step === null ? null : (last += step) * scale));
  };
  return curves.map((steps) => steps && whole(steps));
}

/** Return the epochs of a run for which the block has values. */
function epochsOf(last, every) {
  const epochs = [];
  for (let epoch = 0; epoch < last; epoch += every) epochs.push(epoch);
  return [...epochs, last];
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const block = JSON.parse(await new Response(stream).text());
  const epochs = block.epochs.map((last) => last !== null && epochsOf(last, block.every));
  return { epochs, curves: block.metrics.map(decoded), labels: block.metrics.map((metric) => metric.label) };
}

const makeSvg = (name, attributes, ...inside) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
};
const makeElement = (name, attributes, ...inside) => {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...inside);
  return element;
};

/** Return three to seven round numbers from low to high. */
function ticks(low, high) {
  const raw = (high - low) / 3 || 1;
  const ten = 10 ** Math.floor(Math.log10(raw));
  const step = [5, 2, 1].map((factor) => factor * ten).find((step) => step <= raw);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/** Return a run's value at an epoch; undefined or null where there is none. */
const valueAt = (run, epoch) => data.values[run.number][data.epochs[run.number].indexOf(epoch)];
const place = (run, field) => (field === "" ? 0 : run.filterValues[Number(field)]);
const colourOf = (run) => place(run, choices.colour.value);
const boxOf = (field, value) => boxes.find((box) => box.dataset.filter === field && box.value === String(value));
const named = (field, value) => (field === "" ? "all runs" : boxOf(field, value).dataset.text);
/** Return the colour that a value has in every figure; from the ninth on, lines are dashed as well. */
const style = (value) =>
  choices.colour.value === "" ? "" : `--c: ${boxOf(choices.colour.value, value).dataset.colour}`;

const plural = (count) => `${count} run${count === 1 ? "" : "s"}`;

/** Scales of all panels: the epochs and values of the shown runs. */
function scales(inside) {
  const values = inside.flatMap((run) => data.values[run.number]).filter((value) => value !== null);
  const [low, high] = [Math.min(0, least(values)), -least(values.map((value) => -value))];
  const last = -least(inside.map((run) => -data.epochs[run.number].at(-1)));
  const { width, height, left, right, top, bottom } = SIZE;
  const room = (high - low || 1) * 1.05;
  return {
    low, high, last,
    x: (epoch) => left + (epoch / (last || 1)) * (width - left - right),
    y: (value) => height - bottom - ((value - low) / room) * (height - top - bottom),
  };
}
const least = (values) => values.reduce((first, second) => (second < first ? second : first), Infinity);

const line = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
const pointsOf = (run, { x, y }) =>
  data.epochs[run.number].map((epoch, i) => [epoch, data.values[run.number][i]])
    .filter(([, value]) => value !== null).map(([epoch, value]) => [x(epoch), y(value)]);

/** Return the mean over runs at the epochs for which all of them have a value. */
function meanOf(runs, { x, y }) {
  const common = data.epochs[runs[0].number].map((epoch) => [epoch, runs.map((run) => valueAt(run, epoch))]);
  return common.filter(([, values]) => values.every((value) => typeof value === "number"))
    .map(([epoch, values]) => [x(epoch), y(values.reduce((sum, value) => sum + value) / values.length)]);
}

function axes({ low, high, last, x, y }) {
  const { width, height, left, right, bottom } = SIZE;
  const rounded = (value) => Number(value.toPrecision(6));
  const sides = ticks(low, high).flatMap((value) => [
    makeSvg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value) }),
    makeSvg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, String(rounded(value)).replace("-", "\u2212")),
  ]);
  const feet = ticks(0, last || 1).filter((epoch) => Number.isInteger(rounded(epoch))).map((epoch) =>
    makeSvg("text", { x: x(epoch), y: height - bottom + 16, "text-anchor": "middle" }, String(rounded(epoch))));
  const foot = makeSvg("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, "epoch");
  return makeSvg("g", { class: "axes" }, ...sides, ...feet, foot);
}

function panel(title, inside, scale) {
  const colours = [...new Set(inside.map(colourOf))].sort((first, second) => first - second);
  const groups = colours.map((colour) => [colour, inside.filter((run) => colourOf(run) === colour)]);
  const thin = groups.map(([colour, group]) =>
    makeSvg("path", { class: "run", style: style(colour), d: group.map((run) => line(pointsOf(run, scale))).join("") }));
  const thick = groups.map(([colour, group]) => makeSvg("path", {
    class: colour > 7 ? "mean dashed" : "mean", style: style(colour), d: line(meanOf(group, scale)) }));
  const hot = makeSvg("path", { class: "hot" });
  const dot = makeSvg("circle", { class: "dot", r: 4, cx: -9, cy: -9 });
  const svg = makeSvg("svg", {
    viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, tabindex: 0, role: "application",
    "aria-label": `${data.label}, ${title}. Up and down: runs, left and right: epochs, Enter: pick`,
  }, axes(scale), ...thin, ...thick, hot, dot);
  const epochs = [...new Set(inside.flatMap((run) => data.epochs[run.number]))];
  const view = { svg, inside, epochs, scale, hot, dot, run: inside[0], epoch: scale.last };
  view.figure = makeElement("figure", {}, makeElement("figcaption", {}, `${title} (${plural(inside.length)})`), svg);
  follow(view);
  rest(view);
  return view;
}

/** Return the item with the smallest distance; an item without a distance is the farthest. */
function closest(items, distance) {
  const size = (item) => Math.abs(distance(item) || (distance(item) === 0 ? 0 : Infinity));
  return items.reduce((best, item) => (size(item) < size(best) ? item : best));
}

/** Show a run's curve, and say its value at the epoch that is nearest to the given one. */
function show(view, run, epoch) {
  const epochs = data.epochs[run.number].filter((candidate) => typeof valueAt(run, candidate) === "number");
  if (!epochs.length) return;
  const nearest = closest(epochs, (candidate) => candidate - epoch);
  Object.assign(view, { run, epoch: nearest });
  const value = valueAt(run, nearest);
  view.hot.setAttribute("d", line(pointsOf(run, view.scale)));
  view.dot.setAttribute("cx", view.scale.x(nearest));
  view.dot.setAttribute("cy", view.scale.y(value));
  say(`Run ${run.number + 1}: ${nameOf(run)}; ${data.label} ${Number(value.toFixed(3))} at epoch ${nearest}`);
}

function rest(view) {
  const back = picked && view.inside.includes(picked) ? line(pointsOf(picked, view.scale)) : "";
  view.hot.setAttribute("d", back);
  view.dot.setAttribute("cx", -9);
}

function follow(view) {
  const { svg, inside, scale } = view;
  const nearest = (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const epoch = closest(view.epochs, (epoch) => scale.x(epoch) - x);
    return [closest(inside, (run) => scale.y(valueAt(run, epoch) ?? NaN) - y), epoch];
  };
  svg.addEventListener("pointermove", (event) => show(view, ...nearest(event)));
  svg.addEventListener("pointerleave", () => rest(view));
  svg.addEventListener("click", () => pick(view.run));
  svg.addEventListener("focus", () => show(view, view.run, view.epoch));
  svg.addEventListener("blur", () => rest(view));
  svg.addEventListener("keydown", (event) => {
    const height = (run) => valueAt(run, view.epoch) ?? -Infinity;
    const ordered = [...inside].sort((first, second) => height(second) - height(first));
    const epochs = data.epochs[view.run.number];
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter") pick(view.run);
    if (!step) return;
    event.preventDefault();
    const run = ordered[ordered.indexOf(view.run) + step[0]] || view.run;
    show(view, run, epochs[epochs.indexOf(view.epoch) + step[1]] ?? view.epoch);
  });
}

function legend(inside) {
  const counts = new Map();
  for (const run of inside) counts.set(colourOf(run), (counts.get(colourOf(run)) || 0) + 1);
  const keys = [...counts].sort(([first], [second]) => first - second).map(([colour, count]) =>
    makeElement("li", { style: style(colour) }, `${named(choices.colour.value, colour)} (${plural(count)})`));
  byId("keys").replaceChildren(...keys);
}

function draw() {
  const metric = Number(choices.metric.value);
  data = { label: block.labels[metric], epochs: block.epochs, values: block.curves[metric] };
  const inside = runs.filter((run) => run.shown && data.values[run.number]?.some((value) => value !== null));
  const scale = inside.length ? scales(inside) : null;
  const places = [...new Set(inside.map((run) => place(run, choices.panels.value)))].sort((first, second) => first - second);
  views = places.map((value) => {
    const title = choices.panels.value === "" ? "all runs" : `${choices.panels.selectedOptions[0].text} ${named(choices.panels.value, value)}`;
    return panel(title, inside.filter((run) => place(run, choices.panels.value) === value), scale);
  });
  legend(inside);
  byId("panes").replaceChildren(...(views.length ? views.map((view) => view.figure) : ["No shown run has this curve."]));
}

async function begin() {
  if (!byId("chart")) return; // no run has a curve
  try {
    block = await unpacked(byId("data").textContent);
  } catch (error) {
    byId("panes").replaceChildren(`This browser cannot unpack the curves (${error.message}). The table is complete.`);
    return;
  }
  for (const select of Object.values(choices)) select.addEventListener("change", draw);
  parts.push({ filter: draw, pick: () => views.forEach(rest) });
  draw();
}

for (const part of document.querySelectorAll(".live")) part.hidden = false;
filter();
begin();
