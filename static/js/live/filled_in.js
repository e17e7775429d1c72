// Whether a form field differs from what the server sent.

export const isFilledIn = (form) =>
  [...form.querySelectorAll("input, textarea")].some(
    (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked,
  );
