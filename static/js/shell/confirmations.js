// Questions before an action: a button with `data-confirm` asks it in a dialog, whose buttons are `data-yes` and `data-no`.
//
// {runs} in these texts is the number of runs in the button's `data-count`.

export function askFirst(dialog) {
  const [question, yes, no] = dialog.querySelectorAll("p, button");
  let asking = null; // the button that asks

  function show() {
    const { dataset } = asking;
    const texts = [[question, dataset.confirm], [yes, dataset.yes], [no, dataset.no]];
    for (const [element, text] of texts) element.textContent = text.replaceAll("{runs}", dataset.count ?? "");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-confirm]");
    if (!button || button.ariaDisabled === "true") return;
    event.preventDefault();
    asking = button;
    show();
    dialog.showModal();
  });
  dialog.addEventListener("submit", ({ submitter }) => {
    if (submitter === yes && asking.isConnected) asking.form.requestSubmit(asking);
  });
  // The page was updated: the question may have another number, or its button is gone.
  document.addEventListener("live", () => {
    if (!dialog.open) return;
    if (asking.isConnected && asking.dataset.confirm) show();
    else dialog.close();
  });
}
