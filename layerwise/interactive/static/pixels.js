// The live picture of pixels.py. All that it says and all places come from the SVG's own
// attributes; the kernel is not asked.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const place = (part) => [Number(part.dataset.row), Number(part.dataset.col)];
const numbers = (text) => text.split(" ").map(Number);

function find(el, kind, [row, col]) {
  return el.querySelector(`.${kind}[data-row="${row}"][data-col="${col}"]`);
}

function set(part, attributes) {
  for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
}

function say(el, label) {
  el.querySelector(".told").textContent = `${label[0].toUpperCase()}${label.slice(1)}.`;
}

/** The one part of a map that Tab reaches; the arrow keys walk from there. */
function stopAt(el, kind, part) {
  for (const other of el.querySelectorAll(`.${kind}[tabindex="0"]`)) set(other, { tabindex: -1 });
  if (part) set(part, { tabindex: 0 });
}

/** Move the window, the mark and the lines between them to an output pixel. */
function select(el, cell) {
  const [x, y] = numbers(cell.dataset.window);
  const [u, v] = numbers(cell.dataset.at);
  const frame = el.querySelector(".window > :last-child");
  const mark = el.querySelector(".mark > :last-child");
  const right = x + Number(frame.getAttribute("width"));
  const [upper, lower] = el.querySelectorAll(".ray");
  set(el.querySelector(".window"), { transform: `translate(${x} ${y})` });
  set(el.querySelector(".mark"), { transform: `translate(${u} ${v})` });
  set(upper, { x1: right, y1: y, x2: u, y2: v });
  const below = { y1: y + Number(frame.getAttribute("height")), y2: v + Number(mark.getAttribute("height")) };
  set(lower, { x1: right, x2: u, ...below });
  for (const other of el.querySelectorAll('.cell[aria-pressed="true"]')) set(other, { "aria-pressed": false });
  set(cell, { "aria-pressed": true });
  stopAt(el, "cell", cell);
  say(el, cell.getAttribute("aria-label"));
}

/** Show which output pixels read an input pixel. */
function ask(el, pixel) {
  forget(el);
  const { row, col } = pixel.dataset;
  pixel.classList.add("asked");
  for (const cell of el.querySelectorAll(".cell")) {
    const reads = cell.dataset.rows.split(" ").includes(row) && cell.dataset.cols.split(" ").includes(col);
    cell.classList.toggle("reader", reads);
  }
  say(el, pixel.getAttribute("aria-label"));
}

function forget(el) {
  for (const part of el.querySelectorAll(".asked, .reader")) part.classList.remove("asked", "reader");
  const cell = el.querySelector('.cell[aria-pressed="true"]');
  if (cell) say(el, cell.getAttribute("aria-label"));
}

/** The part of a map that an arrow key, Home or End leads to; undefined for other keys. */
function target(el, part, key) {
  const kind = part.classList[0];
  const [row, col] = place(part);
  if (key in STEPS) return find(el, kind, [row + STEPS[key][0], col + STEPS[key][1]]);
  const line = el.querySelectorAll(`.${kind}[data-row="${row}"]`);
  return { Home: line[0], End: line[line.length - 1] }[key];
}

function render({ model, el }) {
  el.classList.add("course-pixels");
  let chosen = null; // row and column, kept while the output has no such pixel
  let last = null; // where the pointer was

  function point(part) {
    if (part.classList.contains("cell")) {
      chosen = place(part);
      forget(el);
      select(el, part);
    } else {
      stopAt(el, "pixel", part);
      ask(el, part);
    }
  }

  function draw() {
    const active = el.getRootNode().activeElement;
    const focused = active && el.contains(active) && active.dataset.row ? active : null;
    el.innerHTML = model.get("svg");
    const cell = (chosen && find(el, "cell", chosen)) || el.querySelector('.cell[aria-pressed="true"]');
    if (!cell) return;
    select(el, cell);
    stopAt(el, "pixel", find(el, "pixel", [0, 0]));
    if (focused) (find(el, focused.classList[0], place(focused)) || cell).focus({ preventScroll: true });
  }

  const part = (event) => event.target.closest?.(".cell, .pixel");
  const on = {
    // not pointerover: that comes also where a new picture moves a pixel under a pointer at rest
    pointermove: (event) => {
      const over = part(event);
      if (over && over !== last) point(over);
      last = over;
    },
    pointerout: (event) => part(event)?.classList.contains("asked") && forget(el),
    pointerleave: () => (last = null),
    focusin: (event) => part(event) && point(part(event)),
    focusout: () => forget(el),
    keydown: (event) => {
      if (!part(event) || !(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
      event.preventDefault(); // the page does not scroll
      event.stopPropagation();
      target(el, part(event), event.key)?.focus();
    },
  };
  for (const [name, handler] of Object.entries(on)) el.addEventListener(name, handler);
  model.on("change:svg", draw);
  draw();
  return () => {
    model.off("change:svg", draw);
    for (const [name, handler] of Object.entries(on)) el.removeEventListener(name, handler);
  };
}

export default { render };
