// What leads the lab's page: brings the turns to its parts, hears keys, speaks, and gives each control
// a name. Stands behind panel.js and links.js in one module.

const PATIENCE = 5000; // ms until a kernel that does not answer is mentioned
const RESTARTED = "The kernel was restarted and does not know this lab. Run this cell again.";
const SILENT = "The kernel does not answer. It is busy, or was stopped: then run this cell again.";
const CHOICE = "lab-choice-"; // the class of the slider of a list, before the name of its choice

// All parts change in one go: never the table of one setting with the picture of another.
async function deal(model) {
  const parts = Object.entries(model.get("turn").parts ?? {});
  const models = await Promise.all(parts.map(([id]) => model.widget_manager.get_model(id)));
  models.forEach((part, n) => part.set_state(parts[n][1]));
}

function initialize({ model }) {
  model.on("change:turn", () => deal(model));
  deal(model);
}

const isReadout = (target) => target.matches(`[class*="${CHOICE}"] > .widget-readout`);
const isText = (target) =>
  target.isContentEditable || target.matches("textarea, input:not([type=checkbox], [type=radio])");

function line(el, role, look) {
  const made = document.createElement("div");
  made.setAttribute("role", role);
  made.className = look;
  el.append(made);
  return made;
}

// A slider of ipywidgets has no name, and tells the number of its position.
function nameControls(hand) {
  for (const readout of hand.querySelectorAll(".widget-readout")) {
    const row = readout.parentElement;
    const label = row.querySelector("label")?.textContent ?? "";
    readout.setAttribute("role", "textbox");
    readout.setAttribute("aria-label", `${label}, as text`);
    for (const handle of row.querySelectorAll(".noUi-handle")) {
      handle.setAttribute("aria-label", label);
      handle.setAttribute("aria-valuetext", readout.textContent);
    }
  }
}

// Says in words that a kernel is gone: it cannot say so itself.
function watchKernel(el, model, stale) {
  let waiting = 0;
  const answered = () => {
    clearTimeout(waiting);
    waiting = 0;
    stale.textContent = "";
  };
  const alive = () => setTimeout(() => {
    answered();
    if (el.closest(".jupyter-widgets-disconnected")) stale.textContent = RESTARTED;
  });
  model.on("change:turn", answered);
  model.on("comm_live_update", alive);
  const expect = () => {
    if (!stale.textContent) waiting ||= setTimeout(() => { stale.textContent = SILENT; }, PATIENCE);
  };
  return [expect, () => {
    clearTimeout(waiting);
    model.off("change:turn", answered);
    model.off("comm_live_update", alive);
  }];
}

function lead({ model, el }) {
  const ends = [render({ model, el }), link(el)];
  const said = line(el, "status", "lab-said");
  const [expectAnswer, end] = watchKernel(el, model, line(el, "alert", "lab-stale"));
  ends.push(end);
  const speak = () => { said.textContent = model.get("said"); };
  model.on("change:said", speak);
  ends.push(() => model.off("change:said", speak));

  // On the document, which is there at once; the lab's own element comes later.
  const hear = (kind, action) => {
    const inside = (event) => {
      if (el.closest(".course-lab")?.contains(event.target)) action(event.target, event);
    };
    document.addEventListener(kind, inside, true);
    ends.push(() => document.removeEventListener(kind, inside, true));
  };
  // JupyterLab takes single letters as commands unless the element in focus says that it wants them.
  hear("focusin", (target) => target.setAttribute("data-lm-suppress-shortcuts", "true"));
  // Ctrl+S saves all the same. On the window: there it is heard before JupyterLab hears it.
  const leaveSaving = ({ target, ctrlKey, metaKey, key }) => {
    if (!el.closest(".course-lab")?.contains(target)) return;
    if ((ctrlKey || metaKey) && key.toLowerCase() === "s") target.removeAttribute("data-lm-suppress-shortcuts");
    else target.setAttribute("data-lm-suppress-shortcuts", "true");
  };
  window.addEventListener("keydown", leaveSaving, true);
  ends.push(() => window.removeEventListener("keydown", leaveSaving, true));
  hear("change", expectAnswer);
  hear("keydown", (target, event) => {
    const undoes = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (undoes && !isText(target)) model.send({ pressed: event.shiftKey ? "redo" : "undo" });
    else if (event.key === "Enter" && isReadout(target)) enter(target);
    else return;
    event.preventDefault();
  });

  // The slider of a list takes no typed text: the kernel finds the nearest value.
  let had = null; // what stood in the readout before it was edited
  const enter = (readout) => {
    if (had === null) return;
    const typed = readout.textContent.trim();
    const kind = [...readout.parentElement.classList].find((one) => one.startsWith(CHOICE));
    readout.textContent = had;
    had = null;
    model.send({ pressed: `typed:${kind.slice(CHOICE.length)}:${typed}` });
  };
  hear("beforeinput", (target) => { if (isReadout(target)) had ??= target.textContent; });
  hear("focusout", (target) => { if (isReadout(target)) enter(target); });

  const namer = new MutationObserver((records) => {
    nameControls(el.closest(".lab-hand"));
    const moved = ({ target }) => target.classList?.contains("widget-readout");
    if (had === null && records.some(moved)) expectAnswer();
  });
  let frame = 0;
  const begin = () => {
    const hand = el.closest(".lab-hand");
    if (!hand) return void (frame = requestAnimationFrame(begin));
    nameControls(hand);
    namer.observe(hand, { childList: true, subtree: true });
  };
  begin();
  ends.push(() => namer.disconnect(), () => cancelAnimationFrame(frame));
  return () => ends.forEach((stop) => stop());
}

export default { initialize, render: lead };
