// A piece of the lab's page: shows the HTML that the kernel sends and reports what is pressed.
// Works without a network; imports nothing. Behind it in the same module may stand links.js and frame.js.

function swap(root, html) {
  const active = document.activeElement;
  const had = root.contains(active) ? { ...active.dataset } : null;
  root.innerHTML = html;
  if (!had) return;
  const same = [...root.querySelectorAll("[data-send], [data-copy]")].find((one) =>
    had.send ? one.dataset.send === had.send : had.copy && one.dataset.copy);
  (same ?? root).focus({ preventScroll: true }); // what was pressed may be gone: stay beside it
  same?.select?.(); // a box to type in: what is typed next takes the place of what was
}

const REST = 1500; // ms after the last turn
const SLIGHT = 8; // px: so little need not be scrolled to

async function copy(button) {
  const label = button.textContent;
  const line = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    if (!line) return void prompt("Copy this line:", button.dataset.copy);
    getSelection().selectAllChildren(line);
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "lab-panel";
  root.tabIndex = -1;
  el.appendChild(root);

  // What stands below must not jump with each message while a hand moves; after that no gap stays.
  let resting = 0;
  let height = 0; // as it was laid out last: to ask now would lay out what the other parts have changed
  const relax = () => { root.style.minHeight = ""; };
  const show = () => {
    swap(root, model.get("html"));
    if (!model.get("steady")) return;
    root.style.minHeight = `${height}px`;
    clearTimeout(resting);
    resting = setTimeout(relax, REST);
  };
  show();
  model.on("change:html", show);

  // What is wider than the page can be reached and scrolled by keys.
  const shade = () => {
    root.classList.toggle("more-right", root.scrollWidth - root.clientWidth - root.scrollLeft > SLIGHT);
  };
  root.addEventListener("scroll", shade);
  const scrolls = new ResizeObserver(() => {
    height = root.offsetHeight;
    shade();
    root.tabIndex = root.scrollWidth > root.clientWidth ? 0 : -1;
    if (root.tabIndex) return void ["role", "aria-label"].forEach((name) => root.removeAttribute(name));
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Scrolls sideways");
  });
  scrolls.observe(root);

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    if (button.dataset.copy) copy(button);
    else if (button.dataset.send) model.send({ pressed: button.dataset.send });
  });
  const tell = ({ target }) => {
    if (target.dataset.send) model.send({ pressed: `${target.dataset.send}:${target.value}` });
  };
  root.addEventListener("change", tell);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) tell(event);
  });
  return () => {
    clearTimeout(resting);
    scrolls.disconnect();
    model.off("change:html", show);
  };
}
