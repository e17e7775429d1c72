// Asks before a deletion of selected runs, and says how many of them are not on this page or not archived. Several runs
// need their number or the word *delete*.

import { plural, whole } from "../format.js";

function overlooked({ elsewhere, unarchived }, size) {
  const some = (count) => (count === size ? (size === 1 ? "It is" : `All ${whole(size)} are`) : `${whole(count)} of them ${count === 1 ? "is" : "are"}`);
  return [elsewhere > 0 ? `${some(elsewhere)} not on this page.` : "", unarchived > 0 ? `${some(unarchived)} not archived.` : ""].join(" ").trim();
}

export function confirmDeletion(form, selection) {
  const dialog = document.querySelector("[data-delete-dialog]");
  const typed = dialog.querySelector("input");
  const press = dialog.querySelector("[data-delete-confirmed]");
  let confirmed = "";
  const isRight = () => selection.size === 1 || [String(selection.size), "delete"].includes(typed.value.trim().toLowerCase());
  const check = () => press.setAttribute("aria-disabled", String(!isRight()));
  typed.addEventListener("input", check);
  form.addEventListener("formdata", ({ formData }) => confirmed && formData.set("confirm", confirmed));
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-delete]");
    if (!button || confirmed) return;
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    typed.value = "";
    dialog.querySelector("[data-delete-title]").textContent = `Delete ${plural(selection.size, "run")}?`;
    dialog.querySelector("[data-delete-label]").textContent = `Type ${selection.size} or delete to confirm`;
    dialog.querySelector("[data-delete-typed]").hidden = selection.size === 1;
    const noted = dialog.querySelector("[data-delete-overlooked]");
    noted.textContent = overlooked(selection.counts, selection.size);
    noted.hidden = !noted.textContent;
    check();
    dialog.showModal();
  });
  dialog.addEventListener("submit", (event) => {
    if (event.submitter !== press) return;
    if (!isRight()) {
      event.preventDefault();
      typed.focus();
      return;
    }
    confirmed = String(selection.size);
    form.requestSubmit(form.querySelector("[data-delete]"));
    confirmed = "";
  });
}
