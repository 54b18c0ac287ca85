// The maps of one box. The kernel makes the pictures and knows what each row and column of a map
// sees (`view.ends`); this file shows them, and moves the pixel, the part of the image that it
// sees, and the focus. The numbers of a map come when it is asked for.

const LONGEST = 190; // px, the longer side of the image and of the large map
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const make = (tag, kind, parts = [], attributes = {}) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...parts);
  return made;
};
const read = (value) => String(Number(value.toPrecision(3))).replace("-", "−");
const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));

function sized(frame, rows, columns) {
  const scale = LONGEST / Math.max(rows, columns);
  frame.style.width = `${columns * scale}px`;
  frame.style.height = `${rows * scale}px`;
}

/** Lay a mark over rows `top`..`bottom` and columns `left`..`right` of a picture. */
function cover(mark, [top, bottom], [left, right], rows, columns) {
  mark.hidden = top > bottom || left > right;
  mark.style.top = `${(100 * top) / rows}%`;
  mark.style.left = `${(100 * left) / columns}%`;
  mark.style.height = `${(100 * (bottom - top + 1)) / rows}%`;
  mark.style.width = `${(100 * (right - left + 1)) / columns}%`;
}

function sees(ends, row, column) {
  if (!ends) return "what it sees of the image is not known here";
  const [[top, bottom], [left, right]] = [ends[0][row], ends[1][column]];
  if (top > bottom || left > right) return "sees padding alone";
  const size = `${bottom - top + 1}×${right - left + 1}`;
  return `sees rows ${top}–${bottom}, columns ${left}–${right} of the image: ${size} pixels`;
}

function picture(src, alt) {
  return make("img", "", [], { src, alt, draggable: "false" });
}

function render({ model, el }) {
  const root = make("div", "look", [], { role: "group", "aria-label": "Inside the network" });
  const told = make("p", "look-told", [], { "aria-live": "polite" });
  el.append(root);

  let chosen = 0; // which map is large
  let at = [0.5, 0.5]; // where its pixel is, as a share of the rows and columns
  let numbers = null; // of the large map, once they have come
  let parts = {};

  const view = () => model.get("view");
  const pixel = () => {
    const { rows, columns } = view();
    return [clamp(Math.floor(at[0] * rows), rows), clamp(Math.floor(at[1] * columns), columns)];
  };

  function show() {
    const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    chosen = 0;
    numbers = null;
    parts = {};
    root.replaceChildren(...head(), ...body());
    if (view().maps?.length) enlarge(0);
    else told.textContent = "";
    if (focused) (root.querySelector(`[data-key="${focused}"]`) ?? root.querySelector("[data-key]"))?.focus({ preventScroll: true });
  }

  function head() {
    const { title, does, steps, step, words } = view();
    const buttons = (steps ?? []).map(({ index, name }) => {
      const button = make("button", "look-step", [name], {
        type: "button",
        "aria-pressed": String(index === step),
        "data-key": `step${index}`,
      });
      button.onclick = () => {
        model.set("step", index);
        model.save_changes();
      };
      return button;
    });
    const line = title ? [make("b", "", [title]), " ", make("code", "", [does])] : [];
    const choice = buttons.length > 1 ? [make("span", "look-steps", buttons, { role: "group", "aria-label": "After which step" })] : [];
    const note = model.get("picture").src ? model.get("note") : "";
    const told = make("span", "look-words", [[words, note].filter(Boolean).join(". ")]);
    return [make("p", "look-title", [...line, ...choice, told])];
  }

  function body() {
    const { maps, units } = view();
    const image = model.get("picture");
    if (!image.src) return [];
    const row = make("div", "look-row", [imagePart(image)]);
    if (maps?.length) row.append(largePart(), gridPart(maps));
    if (units) row.append(unitsPart(units));
    return maps?.length ? [told, row] : [row];
  }

  function imagePart({ src, rows, columns, words }) {
    parts.part = make("div", "look-mark", [], { hidden: "" });
    const frame = make("div", "look-frame", [picture(src, words), parts.part]);
    sized(frame, rows, columns);
    return make("figure", "", [frame, make("figcaption", "", [words])]);
  }

  function largePart() {
    const { rows, columns, scale } = view();
    parts.large = picture("", "");
    parts.pixel = make("div", "look-mark look-pixel");
    parts.frame = make("div", "look-frame", [parts.large, parts.pixel], {
      tabindex: "0",
      role: "application",
      "data-key": "large",
      "data-lm-suppress-shortcuts": "true",
    });
    sized(parts.frame, rows, columns);
    parts.frame.addEventListener("pointermove", point);
    parts.frame.addEventListener("pointerdown", point);
    parts.frame.addEventListener("keydown", walk);
    parts.name = make("span", "");
    const bar = make("span", "look-bar");
    bar.style.backgroundImage = scale.colours;
    const legend = make("span", "look-scale", [scale.low, bar, scale.high], { title: scale.words });
    return make("figure", "", [parts.frame, make("figcaption", "", [parts.name, legend])]);
  }

  function gridPart(maps) {
    parts.grid = make("div", "look-maps", [], { role: "group", "aria-label": "Maps, the strongest first" });
    maps.forEach(({ name, strength, src }, index) => {
      const label = `${name}, ${strength}, ${index + 1} of ${maps.length}`;
      const button = make("button", "look-map", [picture(src, "")], {
        type: "button",
        "aria-label": label,
        title: label,
        "data-key": `map${index}`,
        "data-lm-suppress-shortcuts": "true",
      });
      button.addEventListener("click", () => enlarge(index));
      button.addEventListener("keydown", (event) => step(event, index));
      parts.grid.append(button);
    });
    parts.filter = make("div", "look-filter");
    return make("div", "look-side", [parts.grid, parts.filter]);
  }

  function unitsPart(units) {
    const cells = units.map(({ name, value }) =>
      make("tr", "", [make("th", "", [name], { scope: "row" }), make("td", "", [value])]),
    );
    return make("table", "look-units", cells);
  }

  /** Show one map in large, with the filter that made it. */
  function enlarge(index) {
    const { maps, rows, columns } = view();
    const { name, strength, src, filter } = maps[index];
    chosen = index;
    numbers = null;
    model.send({ map: index, step: view().step });
    parts.large.src = src;
    parts.large.alt = `map of ${name}`;
    parts.frame.setAttribute("aria-label", `Map of ${name}, ${rows}×${columns}: the arrow keys move its pixel`);
    parts.name.textContent = `${name}, ${strength}`;
    [...parts.grid.children].forEach((button, other) => {
      button.setAttribute("aria-pressed", String(other === index));
      button.tabIndex = other === index ? 0 : -1;
    });
    parts.filter.replaceChildren(...(filter ? filterParts(filter) : []));
    tell();
  }

  function filterParts({ words, slices }) {
    const shown = slices.map(({ src, name }) => make("span", "look-slice", [picture(src, name)], { title: name }));
    return [make("div", "look-slices", shown), make("div", "look-small", [words])];
  }

  /** Mark the pixel and the part of the image that it sees, and say both. */
  function tell() {
    const { rows, columns, ends } = view();
    const [row, column] = pixel();
    const image = model.get("picture");
    cover(parts.pixel, [row, row], [column, column], rows, columns);
    if (ends) cover(parts.part, ends[0][row], ends[1][column], image.rows, image.columns);
    const value = numbers ? `: ${read(numbers[row * columns + column])}` : "";
    told.textContent = `Row ${row}, column ${column}${value}; ${sees(ends, row, column)}.`;
  }

  function point(event) {
    const { left, top, width, height } = parts.frame.getBoundingClientRect();
    const before = pixel().join();
    at = [(event.clientY - top) / height, (event.clientX - left) / width].map((share) => Math.max(0, Math.min(0.9999, share)));
    if (pixel().join() !== before || event.type === "pointerdown") tell();
  }

  function walk(event) {
    const { rows, columns } = view();
    let [row, column] = pixel();
    if (event.key in ARROWS) {
      row += ARROWS[event.key][0];
      column += ARROWS[event.key][1];
    } else if (event.key === "Home") column = 0;
    else if (event.key === "End") column = columns - 1;
    else return;
    at = [(clamp(row, rows) + 0.5) / rows, (clamp(column, columns) + 0.5) / columns];
    event.preventDefault();
    event.stopPropagation();
    tell();
  }

  /** Go to another small map. */
  function step(event, index) {
    const all = [...parts.grid.children];
    const wide = all.filter((one) => one.offsetTop === all[0].offsetTop).length;
    const ways = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide, Home: -index, End: all.length - 1 - index };
    if (!(event.key in ways)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = all[index + ways[event.key]];
    if (!next) return;
    enlarge(index + ways[event.key]);
    next.focus({ preventScroll: true });
  }

  function wait() {
    root.classList.toggle("look-waiting", model.get("waiting"));
    root.setAttribute("aria-busy", String(model.get("waiting")));
  }

  function came(message, buffers) {
    if (message.step !== view().step || message.map !== chosen || !parts.frame) return;
    const { buffer, byteOffset, byteLength } = buffers[0];
    numbers = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    tell();
  }

  // A step's view comes behind the image of its setting; the image itself has one view for all.
  const pictured = () => { if (view().step === -1) show(); };

  model.on("change:view", show);
  model.on("change:picture", pictured);
  model.on("change:waiting", wait);
  model.on("msg:custom", came);
  show();
  wait();
  return () => {
    model.off("change:view", show);
    model.off("change:picture", pictured);
    model.off("change:waiting", wait);
    model.off("msg:custom", came);
  };
}

export default { render };
