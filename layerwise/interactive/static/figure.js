// The live picture. The kernel owns what is drawn (`svg`), which blocks are open (`unfolded`) and
// which box is chosen; this file shows it, moves the focus, and asks for another state.

const FACTS = [
  ["shape", "output"],
  ["parameters", "parameters"],
  ["macs", "MACs"],
  ["receptive-field", "receptive field"],
];
const NEAR = 10; // px, between a box and its tooltip, or the edge of the page
const LEAST = 280; // px: a narrower picture scrolls
const SLIGHT = 8; // px: so little need not be scrolled to
const CLOSE = 24; // px: a width so close to the last needs no other picture
const LOWEST = 140; // px, where the window has no more room
const STATUS = 32; // px at the bottom of the window, where JupyterLab has a bar
const REST = 1500; // ms after the last picture
const PATIENCE = 200; // ms after the last change of the width
let figures = 0;

function render({ model, el }) {
  const figure = document.createElement("div");
  figure.className = "course-figure";
  const page = document.createElement("div");
  page.className = "course-figure-page";
  const tip = document.createElement("div");
  tip.className = "course-figure-tip";
  tip.id = `course-figure-tip-${++figures}`;
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  figure.append(page, tip);
  el.append(figure);

  let room = 0; // what the last picture was drawn for
  let current = null; // data-id of the box that Tab reaches
  let asked = null; // data-id of the block that the hand has folded or unfolded

  const boxes = () => [...page.querySelectorAll(".box")];
  const boxOf = (event) => event.target.closest?.(".box") ?? null;

  function draw() {
    const focused = page.contains(document.activeElement);
    hide();
    if (model.get("room") === room) steady();
    else relax(); // in another window there is no hand that moves
    room = model.get("room");
    page.innerHTML = model.get("svg"); // where it is scrolled to stays: nothing was laid out in between
    const all = boxes();
    // JupyterLab takes single letters as shortcuts otherwise.
    all.forEach((box) => box.setAttribute("data-lm-suppress-shortcuts", "true"));
    const again = all.find((box) => box.dataset.id === current) ?? all[0];
    reach(again);
    mark();
    if (focused) again?.focus({ preventScroll: true });
    requestAnimationFrame(() => {
      reveal();
      const opened = boxes().find((box) => box.dataset.id === asked);
      asked = null;
      if (!opened) return;
      hide();
      bring(opened);
      shade();
    });
  }

  // The first box that the turn has changed is in sight: of these, what broke before all else.
  function reveal() {
    fit();
    if (page.matches(":hover") || page.contains(document.activeElement)) return shade(); // looked at
    const parts = boxes().filter((box) => !box.classList.contains("frame"));
    const changed = (box) => ["new", "own numbers changed"].includes(box.dataset.status);
    const first = parts.find((box) => box.classList.contains("broken")) ?? parts.find(changed);
    if (first) bring(first);
    else if (parts.length) middle(parts[0]);
    shade();
  }

  function bring(box) {
    const at = extent(box);
    const room = page.getBoundingClientRect();
    const off = (low, high, from, to) => {
      const before = low - NEAR - from;
      return before < 0 ? before : Math.max(0, Math.min(high + NEAR - to, before));
    };
    page.scrollTop += off(at.top, at.bottom, room.top, room.bottom);
    page.scrollLeft += off(at.left, at.right, room.left, room.right);
  }

  // Where a box is; of an open block, all that stands in it.
  function extent(box) {
    const steps = (one) => (one.dataset.steps?.match(/\d+/g) ?? []).map(Number);
    const own = steps(box);
    const within = (one) => steps(one).length && steps(one)[0] >= own[0] && steps(one).at(-1) <= own.at(-1);
    const parts = box.classList.contains("frame") ? boxes().filter(within) : [box];
    const all = parts.map((one) => one.getBoundingClientRect());
    const least = (side) => Math.min(...all.map((one) => one[side]));
    const most = (side) => Math.max(...all.map((one) => one[side]));
    return { top: least("top"), bottom: most("bottom"), left: least("left"), right: most("right") };
  }

  // Of a tall branch beside it all arms are then shown alike.
  function middle(box) {
    const at = box.getBoundingClientRect();
    const room = page.getBoundingClientRect();
    const off = (at.top + at.bottom - room.top - room.bottom) / 2;
    page.scrollTo(0, page.scrollTop + Math.min(off, at.top - room.top));
  }

  // As tall as the window has room for; where the picture is out of the window, as it may be.
  function fit() {
    const left = window.innerHeight - STATUS - page.getBoundingClientRect().top;
    const height = left > 0 ? Math.max(LOWEST, left) : Infinity;
    page.style.maxHeight = `${Math.min(model.get("tallest"), height)}px`;
  }

  // A shadow at the edge behind which there is more: some systems show no bar for scrolling.
  function shade() {
    const below = page.scrollHeight - page.clientHeight - page.scrollTop;
    const right = page.scrollWidth - page.clientWidth - page.scrollLeft;
    page.classList.toggle("more-above", page.scrollTop > SLIGHT);
    page.classList.toggle("more-below", below > SLIGHT);
    page.classList.toggle("more-right", right > SLIGHT);
  }

  // The kernel draws for the width that there is; a hand that drags a window is waited for.
  let waiting = 0;
  const measure = () => {
    const room = page.clientWidth;
    if (room < LEAST || Math.abs(room - model.get("room")) < CLOSE) return;
    model.set("room", room);
    model.save_changes();
  };
  const resized = new ResizeObserver(() => {
    clearTimeout(waiting);
    waiting = setTimeout(measure, PATIENCE);
  });
  resized.observe(page);
  // A message above the picture comes and goes: what was in sight then may be no longer.
  const pushed = new ResizeObserver(reveal);
  requestAnimationFrame(() => pushed.observe(el.closest(".course-lab") ?? el));

  // What stands below does not jump with each picture while a hand moves; after that no gap stays.
  let resting = 0;
  let laidOut = 0; // its height in the last frame: to ask now would lay out what other parts have changed
  const sized = new ResizeObserver(() => { laidOut = figure.offsetHeight; });
  sized.observe(figure);
  const relax = () => { figure.style.minHeight = ""; };
  function steady() {
    figure.style.minHeight = `${laidOut}px`;
    clearTimeout(resting);
    resting = setTimeout(relax, REST);
  }

  function reach(box) {
    if (!box) return;
    boxes().forEach((other) => other.setAttribute("tabindex", other === box ? "0" : "-1"));
    current = box.dataset.id;
  }

  function toggle(box) {
    const { id } = box.dataset;
    const open = model.get("unfolded");
    relax(); // the student asked for another picture
    asked = id;
    const folds = box.getAttribute("aria-expanded") === "true";
    model.set("unfolded", folds ? open.filter((one) => one !== id) : [...open, id]);
    model.save_changes();
  }

  function choose(box) {
    if (!model.get("choosing")) return;
    model.set("chosen", box.dataset.id);
    model.save_changes();
  }

  function mark() {
    for (const box of boxes()) {
      if (model.get("choosing") && box.dataset.id === model.get("chosen")) box.setAttribute("aria-current", "true");
      else box.removeAttribute("aria-current");
    }
  }

  function show(box) {
    tip.replaceChildren(line("course-figure-operation", box.dataset.operation));
    if (box.dataset.path) {
      const kind = box.hasAttribute("aria-expanded") ? "block" : "layer";
      tip.append(line("course-figure-path", `${kind} ${box.dataset.path}`));
    }
    for (const [key, name] of FACTS) {
      const value = box.getAttribute(`data-${key}`);
      if (value) tip.append(line("", `${name}: ${value}`));
    }
    if (box.hasAttribute("aria-expanded")) {
      const folds = box.getAttribute("aria-expanded") === "true";
      tip.append(line("course-figure-path", `Enter or click: ${folds ? "fold" : "unfold"}`));
    }
    tip.hidden = false;
    place(box);
    box.setAttribute("aria-describedby", tip.id);
  }

  function place(box) {
    const around = figure.getBoundingClientRect();
    const at = box.getBoundingClientRect();
    const below = at.bottom - around.top + NEAR;
    const above = at.top - around.top - NEAR - tip.offsetHeight;
    const edge = window.innerHeight - STATUS - around.top; // of the window, from the figure's top
    const fits = below + tip.offsetHeight <= Math.min(around.height, edge) || around.top + above < 0;
    const middle = at.left - around.left + at.width / 2 - tip.offsetWidth / 2;
    const left = Math.max(0, Math.min(middle, around.width - tip.offsetWidth));
    tip.style.left = `${left}px`;
    tip.style.top = `${fits ? below : above}px`;
  }

  function hide() {
    tip.hidden = true;
    page.querySelector("[aria-describedby]")?.removeAttribute("aria-describedby");
  }

  function neighbour(box, key) {
    const all = boxes();
    const at = all.indexOf(box);
    if (key === "ArrowRight") return all[at + 1];
    if (key === "ArrowLeft") return all[at - 1];
    if (key === "Home") return all[0];
    if (key === "End") return all[all.length - 1];
    return nearest(box, all, key === "ArrowUp" ? -1 : 1);
  }

  page.addEventListener("pointerover", (event) => {
    const box = boxOf(event);
    if (box) show(box);
    else hide();
  });
  page.addEventListener("pointerleave", hide);
  page.addEventListener("scroll", hide);
  page.addEventListener("scroll", shade);
  page.addEventListener("focusin", (event) => {
    const box = boxOf(event);
    if (!box) return;
    reach(box);
    show(box);
  });
  page.addEventListener("focusout", hide);
  page.addEventListener("click", (event) => {
    const box = boxOf(event);
    if (!box) return;
    box.focus({ preventScroll: true });
    choose(box);
    if (box.hasAttribute("aria-expanded")) toggle(box);
  });
  page.addEventListener("keydown", (event) => {
    const box = boxOf(event);
    if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(Arrow|Home$|End$)/.test(event.key)) {
      const next = neighbour(box, event.key);
      next?.focus({ preventScroll: true });
      next?.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else if (event.key === "Escape" && !tip.hidden) hide();
    else if (event.key === "Enter" || event.key === " ") {
      choose(box);
      if (box.hasAttribute("aria-expanded")) toggle(box);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  model.on("change:svg", draw);
  model.on("change:chosen", mark);
  draw();
  return () => {
    model.off("change:svg", draw);
    model.off("change:chosen", mark);
    resized.disconnect();
    sized.disconnect();
    pushed.disconnect();
    clearTimeout(waiting);
    clearTimeout(resting);
  };
}

function line(kind, text) {
  const made = document.createElement("div");
  made.className = kind;
  made.textContent = text;
  return made;
}

// The box closest to the one above (-1) or below (1) it on the page.
function nearest(box, all, direction) {
  const middle = (one) => {
    const { left, right, top, bottom } = one.querySelector(".hit").getBoundingClientRect();
    return [(left + right) / 2, (top + bottom) / 2];
  };
  const [x, y] = middle(box);
  let best;
  let least = Infinity;
  for (const other of all) {
    const [a, b] = middle(other);
    const away = (b - y) * direction;
    if (away < 20) continue; // beside it
    const distance = away + 2 * Math.abs(a - x);
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}

export default { render };
