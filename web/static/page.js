// The page's start: its views as tabs, what there is to choose from, and the three views themselves.
import { startPruning } from "./pruning.js";
import { startAccelerator } from "./accelerator.js";
import { startChat } from "./chat.js";

// tabs makes the tab list work by mouse and by arrow keys.
function tabs() {
  const list = [...document.querySelectorAll("[role=tab]")];
  const show = (tab) => {
    for (const t of list) {
      const chosen = t === tab;
      t.setAttribute("aria-selected", chosen);
      t.tabIndex = chosen ? 0 : -1;
      document.getElementById(t.getAttribute("aria-controls")).hidden = !chosen;
    }
  };
  list.forEach((tab, i) => {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!step) return;
      const next = list[(i + step + list.length) % list.length];
      show(next);
      next.focus();
    });
  });
}

tabs();
try {
  const answer = await fetch("api/setup");
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const setup = await answer.json();
  const run = startPruning(setup);
  startAccelerator(setup, run);
  startChat(setup);
} catch (e) {
  document.getElementById("status").textContent = `The page could not start: ${e.message}`;
}
