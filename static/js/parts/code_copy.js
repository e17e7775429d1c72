// Buttons that copy a code block: `data-copy` names its id.

const SHOWN = 1500; // ms

// Copies by way of the selection, because navigator.clipboard needs a secure connection.
function copy(place) {
  const selection = getSelection();
  selection.selectAllChildren(place);
  const isDone = document.execCommand("copy");
  selection.removeAllRanges();
  return isDone;
}

export function startCodeCopy() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    button.firstChild.data = copy(document.getElementById(button.dataset.copy)) ? "Copied" : "Select and copy";
    setTimeout(() => (button.firstChild.data = "Copy"), SHOWN);
  });
}
