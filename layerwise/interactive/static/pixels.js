// The live picture of sliding_window.py. All that it says, all numbers and all places come from the
// SVG's own attributes; the kernel is not asked.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const PACE = 900; // milliseconds at each place of the window
const NARROW = 700; // pixels: with less, the numbers stand below the maps

const place = (part) => [Number(part.dataset.row), Number(part.dataset.col)];
const numbers = (text) => text.split(" ").map(Number);

function find(el, kind, [row, col]) {
  return el.querySelector(`.${kind}[data-row="${row}"][data-col="${col}"]`);
}

function set(part, attributes) {
  for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
}

/** The one part of a map that Tab reaches; the arrow keys walk from there. */
function stopAt(el, kind, part) {
  for (const other of el.querySelectorAll(`.${kind}[tabindex="0"]`)) set(other, { tabindex: -1 });
  if (part) set(part, { tabindex: 0 });
}

/** Move the window, the mark, the lines between them and the numbers to an output pixel. */
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
  count(el, cell.dataset);
}

/** Write the numbers of an output pixel into the panel. */
function count(el, { terms, result }) {
  el.querySelector(".result").textContent = result;
  const drawn = el.querySelector(".terms");
  if (!drawn) return;
  set(drawn, { "aria-label": terms.replaceAll(" ", ", ") });
  terms.split(" ").forEach((term, n) => {
    const [upper, lower] = drawn.children[n].querySelectorAll("text");
    [upper.textContent, lower.textContent] = term.split("=");
  });
}

function forget(el) {
  for (const part of el.querySelectorAll(".asked, .reader")) part.classList.remove("asked", "reader");
}

/** Show which output pixels read an input pixel. */
function ask(el, pixel) {
  forget(el);
  const { row, col } = pixel.dataset;
  pixel.classList.add("asked");
  for (const cell of el.querySelectorAll(".cell[data-row]")) {
    const reads = cell.dataset.rows.split(" ").includes(row) && cell.dataset.cols.split(" ").includes(col);
    cell.classList.toggle("reader", reads);
  }
}

/** The part of a map that an arrow key, Home or End leads to; undefined for other keys. */
function target(el, part, key) {
  const kind = part.classList[0];
  const [row, col] = place(part);
  if (key in STEPS) return find(el, kind, [row + STEPS[key][0], col + STEPS[key][1]]);
  const line = el.querySelectorAll(`.${kind}[data-row="${row}"]`);
  return { Home: line[0], End: line[line.length - 1] }[key];
}

/** Put the panel of numbers beside the maps or below them, as the page is wide. */
function arrange(el) {
  const form = el.clientWidth && el.clientWidth < NARROW ? "narrow" : "wide";
  const picture = el.querySelector("svg");
  const panel = el.querySelector(".panel");
  if (!panel) return;
  const [, , width, height] = numbers(picture.dataset[form]);
  set(picture, { viewBox: picture.dataset[form], width, height });
  set(panel, { transform: panel.dataset[form] });
}

function button(name, words) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = `pixels-${name}`;
  made.textContent = words;
  return made;
}

function render({ model, el }) {
  el.classList.add("course-pixels");
  const page = document.createElement("div");
  const bar = document.createElement("div");
  const told = document.createElement("p");
  const [back, play, on] = [button("back", "Step back"), button("play", ""), button("step", "Step")];
  bar.className = "pixels-bar";
  set(bar, { role: "group", "aria-label": "Move the window" });
  told.className = "told";
  told.setAttribute("role", "status");
  bar.append(back, play, on, told);
  el.replaceChildren(page, bar);

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let chosen = null; // row and column, kept while the output has no such pixel
  let last = null; // where the pointer was
  let clock = null;

  const cells = () => [...el.querySelectorAll(".cell[data-row]")];
  const selected = () => el.querySelector('.cell[aria-pressed="true"]');

  /** Show a sentence; aloud where the person asked for it, not while the picture moves by itself. */
  function say(words, how) {
    set(told, { "aria-live": how });
    if (told.textContent !== words) told.textContent = words;
  }

  function tell(how) {
    say(selected()?.dataset.told ?? page.querySelector("svg")?.dataset.told ?? "", how);
  }

  function choose(cell, how = "polite") {
    chosen = place(cell);
    forget(el);
    select(el, cell);
    tell(how);
  }

  function point(part) {
    pause();
    if (part.classList.contains("cell")) return choose(part);
    stopAt(el, "pixel", part);
    ask(el, part);
    const label = part.getAttribute("aria-label");
    say(`${label[0].toUpperCase()}${label.slice(1)}.`, "polite");
  }

  function leave() {
    forget(el);
    tell("off");
  }

  /** Move the window so many places on, in the order of reading; from the last to the first. */
  function move(by, how) {
    const all = cells();
    const at = all.indexOf(selected());
    choose(all[(at + by + all.length) % all.length], how);
  }

  function pause() {
    clearInterval(clock);
    clock = null;
    play.textContent = "Play";
  }

  function start() {
    play.textContent = "Pause";
    clock = setInterval(() => {
      if (!el.isConnected || selected() === cells().at(-1)) pause();
      else move(1, "off");
    }, PACE);
    if (selected() === cells().at(-1)) move(1, "off");
  }

  function draw() {
    pause();
    const active = el.getRootNode().activeElement;
    const focused = active && page.contains(active) && active.dataset.row ? active : null;
    page.innerHTML = model.get("svg");
    arrange(el);
    const cell = (chosen && find(el, "cell", chosen)) || selected();
    for (const one of [back, play, on]) one.disabled = cells().length < 2;
    play.hidden = still.matches; // who wants no motion steps by hand
    if (cell) select(el, cell);
    tell("off"); // the lab itself speaks at a turn
    stopAt(el, "pixel", find(el, "pixel", [0, 0]));
    if (focused) (find(el, focused.classList[0], place(focused)) || cell)?.focus({ preventScroll: true });
  }

  const part = (event) => event.target.closest?.(".cell[data-row], .pixel");
  const handlers = {
    click: ({ target: pressed }) => {
      if (pressed === play) clock ? pause() : start();
      if (pressed === back || pressed === on) {
        pause();
        move(pressed === on ? 1 : -1);
      }
    },
    // not pointerover: that comes also where a new picture moves a pixel under a pointer at rest
    pointermove: (event) => {
      const over = part(event);
      if (over && over !== last) point(over);
      last = over;
    },
    pointerout: (event) => part(event)?.classList.contains("asked") && leave(),
    pointerleave: () => (last = null),
    focusin: (event) => part(event) && point(part(event)),
    focusout: (event) => {
      if (part(event)) leave();
      if (!el.contains(event.relatedTarget)) pause();
    },
    keydown: (event) => {
      if (!part(event) || !(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
      event.preventDefault(); // the page does not scroll
      event.stopPropagation();
      target(el, part(event), event.key)?.focus();
    },
  };
  for (const [name, handler] of Object.entries(handlers)) el.addEventListener(name, handler);
  const width = new ResizeObserver(() => arrange(el));
  width.observe(el);
  still.addEventListener("change", draw); // which pauses
  model.on("change:svg", draw);
  draw();
  return () => {
    pause();
    width.disconnect();
    still.removeEventListener("change", draw);
    model.off("change:svg", draw);
    for (const [name, handler] of Object.entries(handlers)) el.removeEventListener(name, handler);
  };
}

export default { render };
