// A piece of the lab's page: shows the HTML that the kernel sends and reports what is pressed.
// Works without a network; imports nothing.

function swap(root, html) {
  const had = root.contains(document.activeElement) ? { ...document.activeElement.dataset } : {};
  root.innerHTML = html;
  for (const button of root.querySelectorAll("button")) {
    const same = had.send ? button.dataset.send === had.send : had.copy && button.dataset.copy;
    if (same) button.focus({ preventScroll: true });
  }
}

// JupyterLab takes single letters as commands unless the element in focus says that it wants them;
// the sliders of ipywidgets do not say so.
function keepLetters(panel) {
  const lab = panel.closest(".course-lab") ?? panel;
  lab.addEventListener("focusin", ({ target }) => {
    target.setAttribute("data-lm-suppress-shortcuts", "true");
  });
}

async function copy(button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    const line = button.parentElement.querySelector("code");
    getSelection().selectAllChildren(line);
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "lab-panel";
  root.setAttribute("aria-live", model.get("spoken") ? "polite" : "off");
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
  requestAnimationFrame(() => keepLetters(root)); // it stands in the page only then

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.copy) copy(button);
    else if (button?.dataset.send) model.send({ pressed: button.dataset.send });
  });
  return () => model.off("change:html", show);
}

export default { render };
