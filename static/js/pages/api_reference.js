// Shows the API description: operations with parameters, bodies and responses.

import { json } from "../json.js";

const place = document.querySelector("[data-operations]");
const description = await json("/openapi.json");

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child != null));
  return made;
}

const resolve = (schema) =>
  schema?.$ref ? description.components.schemas[schema.$ref.split("/").at(-1)] : (schema ?? {});

// A schema in one line: integer from 1 to 5; list of strings; RunOut. Bounds that JavaScript can't represent are left out.
function kind(schema) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.prefixItems) return `list of ${schema.prefixItems.map(kind).join(" and ")}`;
  if (schema.type === "array") return `list of ${kind(schema.items ?? {})}`;
  const bounds = [
    schema.minimum === undefined ? null : `at least ${schema.minimum}`,
    schema.exclusiveMinimum === undefined ? null : `above ${schema.exclusiveMinimum}`,
    schema.maximum === undefined || schema.maximum > Number.MAX_SAFE_INTEGER ? null : `at most ${schema.maximum}`,
    schema.exclusiveMaximum === undefined ? null : `below ${schema.exclusiveMaximum}`,
    schema.maxLength === undefined ? null : `at most ${schema.maxLength} characters`,
  ].filter(Boolean);
  return [schema.format ?? schema.type ?? "anything", ...bounds].join(", ");
}

// `of` names the table's subject, because many tables have the same caption.
function table(caption, of, head, rows) {
  if (!rows.length) return null;
  const cells = (name, values, scope) =>
    values.map((value) => element(name, scope ? { scope } : {}, ...(value instanceof Node ? [value] : [String(value)])));
  const made = element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...cells("th", head, "col"))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row)))),
  );
  const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: `${caption} of ${of}` }, made);
  return scroll;
}

const code = (text) => element("code", {}, text);

function fields(caption, of, schema) {
  const whole = resolve(schema);
  const required = new Set(whole.required);
  const rows = Object.entries(whole.properties ?? {}).map(([name, field]) => [
    code(name),
    kind(field),
    required.has(name) ? "required" : field.default === undefined ? "" : JSON.stringify(field.default),
    field.description ?? "",
  ]);
  return table(caption, of, ["Field", "Type", "Default", "Description"], rows);
}

const content = (part) => Object.values(part?.content ?? {})[0]?.schema;

function operation(path, method, about) {
  const parameters = (about.parameters ?? []).map((parameter) => [
    code(parameter.name),
    `${parameter.in}, ${kind(parameter.schema ?? {})}`,
    parameter.required ? "yes" : "no",
    parameter.description ?? "",
  ]);
  const answers = Object.entries(about.responses ?? {}).map(([status, answer]) => [
    code(status),
    content(answer) ? kind(content(answer)) : "",
    answer.description,
  ]);
  const name = `${method.toUpperCase()} ${path}`;
  const success = Object.entries(about.responses ?? {}).find(([status]) => status.startsWith("2"));
  return element(
    "details",
    { className: "operation" },
    element(
      "summary",
      {},
      element("span", { className: "method" }, method.toUpperCase()),
      code(path),
      element("span", { className: "muted" }, (about.description ?? about.summary ?? "").split("\n")[0]),
    ),
    element(
      "div",
      { className: "body" },
      about.description?.includes("\n") ? element("p", {}, about.description) : null,
      table("Parameters", name, ["Name", "Location and type", "Required", "Description"], parameters),
      about.requestBody ? fields("Body (JSON)", name, content(about.requestBody)) : null,
      success && content(success[1]) ? fields(`Response ${success[0]}`, name, content(success[1])) : null,
      table("Responses", name, ["Status", "Schema", "Description"], answers),
    ),
  );
}

const groups = new Map();
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, about] of Object.entries(methods)) {
    const tag = about.tags?.[0] ?? "other";
    groups.set(tag, [...(groups.get(tag) ?? []), operation(path, method, about)]);
  }
}
place.replaceChildren(
  ...[...groups].map(([tag, operations]) =>
    element("section", { className: "operations", ariaLabel: tag }, element("h2", {}, tag), ...operations),
  ),
);
