// Rows of the table, boxes of the picture, controls and the line of code that tell of the same light
// up together, under the pointer or in focus. Stands before frame.js in one module; asks no kernel.

const LIT = "lab-lit";
const STEPS = '[data-steps]:not([data-steps=""])';
const ROW = `.lab-panel tr${STEPS}`;
const BOX = `.course-figure .box${STEPS}`;
const CONTROL = "lab-control-"; // the class of a control, before the name of its choice
const CHOICE_OF = `[class*="${CONTROL}"]`;
const ARGUMENT = ".lab-code [data-choice]";

// "3 7-9" -> the steps 3, 7, 8, 9
function stepsOf({ dataset }) {
  const runs = dataset.steps.split(" ").filter(Boolean).map((run) => run.split("-").map(Number));
  return new Set(runs.flatMap(([first, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, n) => first + n)));
}

const within = (some, others) => [...some].every((step) => others.has(step));

// What stands for these very steps; else all that is a part of them; else the least that holds them.
function partners(all, steps) {
  const parts = all.filter(([, own]) => within(own, steps));
  const exact = parts.filter(([, own]) => own.size === steps.size).slice(0, 1);
  const around = all.filter(([, own]) => within(steps, own));
  const least = around.reduce((best, one) => (best && best[1].size <= one[1].size ? best : one), null);
  return [exact, parts, least ? [least] : []].find((found) => found.length) ?? [];
}

// The element under the pointer or in focus -> that which tells of something told elsewhere too.
function teller(target) {
  const row = target.closest?.(".lab-panel tr");
  return row?.matches(ROW) ? row
    : row?.querySelector(".lab-why") ? row.previousElementSibling // how the size came about
    : target.closest?.(`${BOX}, ${CHOICE_OF}, ${ARGUMENT}`) ?? null;
}

function told(page, source) {
  if (source.matches(ARGUMENT)) return [...page.getElementsByClassName(CONTROL + source.dataset.choice)];
  const all = (selector) => [...page.querySelectorAll(selector)].map((one) => [one, stepsOf(one)]);
  const kinds = [all(BOX), all(ROW)]; // read once: a turn may change many steps
  const alike = (steps) => kinds.flatMap((kind) => partners(kind, steps)).map(([one]) => one);
  const code = page.querySelector(".lab-code");
  const named = (name) => [...page.querySelectorAll(ARGUMENT)].filter((one) => one.dataset.choice === name);
  if (!source.matches(CHOICE_OF)) return alike(stepsOf(source));
  const name = [...source.classList].find((one) => one.startsWith(CONTROL)).slice(CONTROL.length);
  const own = code?.dataset.turned === name ? [...stepsOf(code)] : [];
  return [...named(name), ...own.flatMap((step) => alike(new Set([step])))];
}

/** Light up on the page of the lab that holds `el`; the answer ends it. */
function link(el) {
  let pointed = null;
  let focused = null;
  let frame = 0;
  const page = () => el.closest(".course-lab");
  const light = () => {
    frame = 0;
    const source = [pointed, focused].find((one) => one?.isConnected);
    const now = new Set(source ? [source, ...told(page(), source)] : []);
    for (const one of page()?.querySelectorAll(`.${LIT}`) ?? []) if (!now.has(one)) one.classList.remove(LIT);
    now.forEach((one) => one.classList.add(LIT));
  };
  const soon = () => { frame ||= requestAnimationFrame(light); };
  const own = (target) => (page()?.contains(target) ? teller(target) : null);
  const listeners = {
    pointerover: ({ target }) => { pointed = own(target); },
    focusin: ({ target }) => { focused = target.matches(":focus-visible") ? own(target) : null; },
    focusout: () => { focused = null; },
    keydown: (event) => walk(event, page()),
  };
  const ends = Object.entries(listeners).map(([kind, hear]) => {
    const heard = (event) => { hear(event); soon(); };
    document.addEventListener(kind, heard, true);
    return () => document.removeEventListener(kind, heard, true);
  });
  const turned = new MutationObserver(soon); // a turn has put other rows and boxes there
  const begin = requestAnimationFrame(() => page() && turned.observe(page(), { childList: true, subtree: true }));
  return () => {
    ends.forEach((end) => end());
    turned.disconnect();
    [frame, begin].forEach((one) => cancelAnimationFrame(one));
  };
}

// The arrow keys walk the rows of the table.
function walk(event, page) {
  const row = event.target.closest?.(".lab-panel tr.lab-line");
  if (!row || !page?.contains(row) || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const rows = [...row.parentElement.querySelectorAll("tr.lab-line")];
  rows[rows.indexOf(row) + (event.key === "ArrowUp" ? -1 : 1)]?.focus();
  event.preventDefault();
  event.stopPropagation();
}
