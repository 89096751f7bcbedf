// Sorts every table, filters the one of all arms, and loads an arm's curves and images when its
// line is opened. What is chosen stands behind the # of the address, so that it can be sent on.
"use strict";

const table = document.getElementById("arms");
const form = document.getElementById("filter");
const arms = {};

function make(name, parent, text) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

// Sorting ---------------------------------------------------------------------------------------

function valueOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const found = /^[+-]?[\d.,]+(e[+-]?\d+)?/i.exec(text);
  return found && /\d/.test(found[0]) ? parseFloat(found[0].replaceAll(",", "")) : text;
}

function compare(one, other) {
  const empty = (value) => value === "" || value === "-";
  if (empty(one) || empty(other)) return null; // they stay last in either order
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en");
}

function sortBy(head) {
  const sorted = head.closest("table");
  close(sorted);
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const each of head.parentNode.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = sorted.tBodies[0];
  const rows = [...body.rows].map((row) => [valueOf(row, head.cellIndex), row]);
  rows.sort(([one], [other]) => {
    const order = compare(one, other);
    if (order === null) return (one === "" || one === "-") - (other === "" || other === "-");
    return down ? -order : order;
  });
  body.append(...rows.map(([, row]) => row));
}

function makeSortable(head) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sortBy(head));
  head.append(button);
}

// Filters ---------------------------------------------------------------------------------------

function fillSelects() {
  for (const select of form.querySelectorAll("select")) {
    const values = new Set([...table.tBodies[0].rows].map((row) => row.dataset[select.name]));
    values.delete("-");
    for (const value of [...values].sort()) make("option", select, value);
  }
}

function filter() {
  close(table);
  const asked = new FormData(form);
  const words = asked.get("q").toLowerCase().split(/\s+/).filter(Boolean);
  const names = [...asked.keys()].filter((name) => name !== "q" && asked.get(name));
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = `${row.dataset.paper} ${row.dataset.modality} ${row.textContent}`.toLowerCase();
    const fits = names.every((name) => row.dataset[name] === asked.get(name));
    row.hidden = !fits || !words.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  form.querySelector("output").value = `${shown} of ${rows.length} lines`;
}

function rememberFilter() {
  const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  // An empty # would jump to the top.
  history.replaceState(null, "", `#${asked.size ? asked : "all-arms"}`);
}

function readAddress() {
  const text = location.hash.slice(1);
  if (!text.includes("=")) return;
  for (const [name, value] of new URLSearchParams(text)) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  filter();
  form.scrollIntoView();
}

// Curves and images -----------------------------------------------------------------------------

// Called by the files in arms/.
function addArms(paper, opened) {
  arms[paper] = opened;
}

function load(paper) {
  if (arms[paper]) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `arms/${encodeURIComponent(paper)}.js`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${script.src} could not be loaded`));
    document.head.append(script);
  });
}

function close(within) {
  for (const row of within.querySelectorAll("tr.more")) row.remove();
  for (const button of within.querySelectorAll("td button")) button.ariaExpanded = "false";
}

async function toggle(row, button) {
  const open = button.ariaExpanded === "true";
  close(table);
  if (open) return;
  button.ariaExpanded = "true";
  const more = document.createElement("tr");
  more.className = "more";
  const cell = make("td", more);
  cell.colSpan = row.cells.length;
  const opened = make("div", cell);
  opened.className = "opened";
  row.after(more);
  try {
    await load(row.dataset.paper);
    show(opened, arms[row.dataset.paper][Number(row.dataset.curves)], row.dataset.paper);
  } catch (error) {
    make("p", opened, error.message);
  }
}

function show(opened, arm, paper) {
  const whole = make("a", make("p", opened), `all metrics, claims and reported numbers of ${paper}`);
  whole.href = `papers/${encodeURIComponent(paper)}.html`;
  const runs = make("ul", opened);
  arm.runs.forEach((run, place) => {
    const item = make("li", runs);
    make("span", item, "\u25A0 ").style.color = colour(place);
    make("a", item, `seed ${run.seed}`).href = run.record;
    make("span", item, `: ${run.facts}`).className = "facts";
  });
  const keys = Object.keys(arm.curves);
  if (keys.length) showCurves(opened, arm.curves, keys);
  for (const address of arm.images) {
    const figure = make("figure", opened);
    const image = make("img", figure);
    image.loading = "lazy";
    image.src = address;
    image.alt = address.split("/").pop().replace(/\.png$/, "").replaceAll("_", " ");
    make("figcaption", figure, image.alt);
  }
}

function showCurves(opened, curves, keys) {
  const select = make("select", make("label", opened, "curve "));
  for (const key of keys) make("option", select, key);
  select.value = keys.includes("train/loss") ? "train/loss" : keys[0];
  const place = make("div", opened);
  const draw = () => place.replaceChildren(drawing(curves[select.value], select.value));
  select.addEventListener("change", draw);
  draw();
}

// Hues far apart, light enough for a dark page and dark enough for a light one.
function colour(place) {
  return `hsl(${(210 + place * 137.5) % 360} 65% 50%)`;
}

function drawing(lines, key) {
  const [width, height, left, top, right, bottom] = [400, 220, 56, 12, 392, 194];
  const points = lines.flat();
  const [xs, ys] = [points.map((point) => point[0]), points.map((point) => point[1])];
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const x = (value) => left + ((value - x0) / (x1 - x0 || 1)) * (right - left);
  const y = (value) => bottom - ((value - y0) / (y1 - y0 || 1)) * (bottom - top);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": key });
  svg.append(shape("path", { d: `M${left},${top}V${bottom}H${right}` }));
  lines.forEach((line, place) => {
    const text = line.map((point) => `${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`);
    svg.append(shape("polyline", { points: text.join(" "), stroke: colour(place) }));
  });
  const label = (text, at, up, anchor) => {
    svg.append(shape("text", { x: at, y: up, "text-anchor": anchor }, text));
  };
  label(short(y1), left - 6, top + 4, "end");
  label(short(y0), left - 6, bottom, "end");
  label(x0.toLocaleString("en"), left, bottom + 16, "start");
  label(`${x1.toLocaleString("en")} batches`, right, bottom + 16, "end");
  return svg;
}

function short(value) {
  return String(Number(value.toPrecision(4)));
}

function shape(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Start -----------------------------------------------------------------------------------------

function makeOpenable(row) {
  const cell = row.cells[0];
  const button = document.createElement("button");
  button.type = "button";
  button.ariaExpanded = "false";
  button.append(...cell.childNodes);
  button.addEventListener("click", () => toggle(row, button));
  cell.append(button);
}

for (const head of document.querySelectorAll("th")) makeSortable(head);
if (table) {
  for (const row of table.querySelectorAll("tr[data-curves]")) makeOpenable(row);
  fillSelects();
  form.hidden = false;
  form.addEventListener("input", () => { filter(); rememberFilter(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", readAddress);
  filter();
  readAddress();
}
