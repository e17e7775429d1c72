// Prints charts in light colors and at the width of the paper.

const root = document.documentElement;
const PICTURES = ".main-svg";

// Redraws by `draw` before and after printing. A picture also scales with its column: papers and margins differ.
export function followPrinting(draw) {
  let theme;
  window.addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    root.classList.add("printing");
    window.dispatchEvent(new Event("themechange"));
    draw();
    for (const svg of document.querySelectorAll(PICTURES)) svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  });
  window.addEventListener("afterprint", () => {
    root.classList.remove("printing");
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    for (const svg of document.querySelectorAll(PICTURES)) svg.removeAttribute("viewBox");
    window.dispatchEvent(new Event("themechange"));
    draw();
  });
}
