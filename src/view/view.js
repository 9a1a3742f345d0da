// Opens branches in place, and knows keys: j and k go through the frames, / finds, h goes home.
"use strict";
document.addEventListener("toggle", async (event) => {
  const node = event.target;
  if (!node.open || !node.dataset.branch || node.dataset.asked) return;
  node.dataset.asked = "yes";
  const holder = document.createElement("div");
  for (const link of node.querySelectorAll(":scope > a")) link.remove();
  node.append(holder);
  try {
    const answer = await fetch(`${node.dataset.branch}&alone=1`);
    holder.innerHTML = answer.ok ? await answer.text() : "";
    if (!answer.ok) holder.textContent = await answer.text();
  } catch {
    holder.textContent = "coroner no longer runs";
    delete node.dataset.asked;
  }
}, true);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const find = document.getElementById("find");
  if (document.activeElement === find) {
    if (event.key === "Escape") find.blur();
    return;
  }
  if (event.key === "/") { event.preventDefault(); find.focus(); }
  if (event.key === "h") location.href = document.querySelector(".home").href;
  if (event.key === "j" || event.key === "k") {
    const frames = [...document.querySelectorAll(".frames li:not(.exception):not(.end)")];
    const here = frames.findIndex((frame) => frame.classList.contains("here"));
    const next = frames[event.key === "j" ? here + 1 : here - 1];
    if (next) location.href = next.querySelector("a").href;
  }
});
