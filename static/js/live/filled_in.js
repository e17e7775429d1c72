// Whether a field of a form holds something else than the server put there.

export const isFilledIn = (form) =>
  [...form.querySelectorAll("input, textarea")].some(
    (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked,
  );
