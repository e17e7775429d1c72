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

// A schema in one line: integer from 1 to 10; list of strings; RunOut. `isMany` asks for the plural.
function kind(schema, isMany = false) {
  const many = (words) => (isMany ? `${words}s` : words);
  const each = (schemas) => schemas.map((part) => kind(part, isMany)).join(" or ");
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.anyOf) return each(schema.anyOf);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.prefixItems) return `${many("list")} of ${schema.prefixItems.length} ${kind(schema.prefixItems[0], true)}`;
  if (schema.type === "array") return `${many("list")} of ${schema.items ? kind(schema.items, true) : "anything"}`;
  return (schema.type ? many(schema.format ?? schema.type) : "anything") + bounds(schema);
}

// The bounds of a number or text. Those that JavaScript can't represent are left out.
function bounds({ minimum, exclusiveMinimum, maximum, exclusiveMaximum, maxLength }) {
  if (maxLength !== undefined) return ` of at most ${maxLength} characters`;
  const most = maximum > Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (minimum !== undefined && most !== undefined) return ` from ${minimum} to ${most}`;
  const words = [
    minimum === undefined ? "" : `, at least ${minimum}`,
    exclusiveMinimum === undefined ? "" : ` above ${exclusiveMinimum}`,
    most === undefined ? "" : `, at most ${most}`,
    exclusiveMaximum === undefined ? "" : `, below ${exclusiveMaximum}`,
  ];
  return words.join("");
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

// A description with its code, which stands between backticks.
const marked = (text) => element("span", {}, ...text.split("`").map((part, place) => (place % 2 ? code(part) : part)));

function fields(caption, of, schema) {
  const whole = resolve(schema);
  const required = new Set(whole.required);
  const rows = Object.entries(whole.properties ?? {}).map(([name, field]) => [
    code(name),
    kind(field),
    required.has(name) ? "required" : field.default === undefined ? "" : JSON.stringify(field.default),
    marked(field.description ?? ""),
  ]);
  return table(caption, of, ["Field", "Type", "Default", "Description"], rows);
}

const content = (part) => Object.values(part?.content ?? {})[0]?.schema;

function operation(path, method, about) {
  const parameters = (about.parameters ?? []).map((parameter) => [
    code(parameter.name),
    `${parameter.in}, ${kind(parameter.schema ?? {})}`,
    parameter.required ? "yes" : "no",
    marked(parameter.description ?? ""),
  ]);
  const answers = Object.entries(about.responses ?? {}).map(([status, answer]) => [
    code(status),
    content(answer) ? kind(content(answer)) : "",
    marked(answer.description),
  ]);
  const name = `${method.toUpperCase()} ${path}`;
  const [summary, ...further] = (about.description ?? about.summary ?? "").split("\n");
  const success = Object.entries(about.responses ?? {}).find(([status]) => status.startsWith("2"));
  return element(
    "details",
    { className: "operation" },
    element(
      "summary",
      {},
      element("span", { className: "method" }, method.toUpperCase()),
      code(path),
      element("span", { className: "muted" }, marked(summary)),
    ),
    element(
      "div",
      { className: "body" },
      further.length ? element("p", {}, marked(further.join("\n").trim())) : null,
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
