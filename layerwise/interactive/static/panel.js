// A piece of the lab's page: shows the HTML that the kernel sends and reports what is pressed.
// Works without a network; imports nothing. Behind it in the same module may stand frame.js.

function swap(root, html) {
  const active = document.activeElement;
  const had = root.contains(active) ? { ...active.dataset } : null;
  root.innerHTML = html;
  if (!had) return;
  const same = [...root.querySelectorAll("[data-send], [data-copy]")].find((one) =>
    had.send ? one.dataset.send === had.send : had.copy && one.dataset.copy);
  (same ?? root).focus({ preventScroll: true }); // what was pressed may be gone: stay beside it
}

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

  let tallest = 0;
  const show = () => {
    swap(root, model.get("html"));
    if (!model.get("steady")) return;
    // What stands below must not jump when a message comes or goes.
    root.style.minHeight = "";
    tallest = Math.max(tallest, root.offsetHeight);
    root.style.minHeight = `${tallest}px`;
  };
  show();
  model.on("change:html", show);

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    if (button.dataset.copy) copy(button);
    else if (button.dataset.send) model.send({ pressed: button.dataset.send });
  });
  root.addEventListener("change", ({ target }) => {
    if (target.dataset.send) model.send({ pressed: `${target.dataset.send}:${target.value}` });
  });
  return () => model.off("change:html", show);
}
