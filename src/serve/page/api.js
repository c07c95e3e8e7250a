// API: the routes, from the service's own description.

let described = false;

function resolve(document, schema) {
  while (schema?.$ref) schema = schema.$ref.slice(2).split("/").reduce((at, name) => at[name], document);
  return schema ?? {};
}

function type_of(document, schema) {
  const { type, items, anyOf } = resolve(document, schema);
  if (anyOf) return anyOf.map((each) => type_of(document, each)).join(" or ");
  const types = [type ?? "any"].flat().filter((name) => name !== "null");
  return types.map((name) => (name === "array" ? `array of ${type_of(document, items)}` : name)).join(" or ");
}

function limits_of(schema) {
  const bounds = [];
  if (schema.minimum !== undefined) bounds.push(`${count(schema.minimum)} to ${count(schema.maximum)}`);
  if (schema.maxLength) bounds.push(`at most ${count(schema.maxLength)} bytes`);
  if (schema.maxItems) bounds.push(`at most ${count(schema.maxItems)}`);
  return bounds.length ? ` (${bounds.join(", ")})` : "";
}

// [name, type, description] of an object's fields, nested ones by their path.
function fields_of(document, schema, path = "") {
  const { properties = {}, required = [] } = resolve(document, schema);
  return Object.entries(properties).flatMap(([name, value]) => {
    const field = resolve(document, value);
    const note = (field.description ?? "") + limits_of(field) + (required.includes(name) ? " Required." : "");
    const inner = field.type?.includes?.("array") ? resolve(document, field.items) : field;
    const place = path + name;
    return [[place, type_of(document, field), note],
      ...(inner.properties ? fields_of(document, inner, `${place}${inner === field ? "" : "[]"}.`) : [])];
  });
}

function field_table(caption, rows) {
  if (!rows.length) return null;
  return element("div", {}, element("h3", {}, caption), element("table", { class: "fields" },
    element("thead", {}, element("tr", {}, ...["Field", "Type", "What it is"].map((name) =>
      element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map(([name, type, note]) => element("tr", {},
      element("td", {}, element("code", {}, name)), element("td", { class: "type" }, type),
      element("td", {}, note))))));
}

function curl_of(method, path, types) {
  const quoted = path.replace(/\{(\w+)\}/g, "$1");
  let line = `curl -s ${method === "GET" ? "" : `-X ${method} `}'${location.origin}${quoted}'`;
  if (key.get()) line += " -H 'Authorization: Bearer KEY'";
  if (types.length) line += ` -H 'Content-Type: ${types[0]}' --data-binary @body`;
  return line;
}

function operation(document, path, method, described) {
  const types = Object.keys(described.requestBody?.content ?? {});
  const parameters = [...(document.paths[path].parameters ?? []), ...(described.parameters ?? [])];
  const answer = described.responses["200"]?.content ?? {};
  const errors = Object.keys(described.responses).filter((status) => status >= 400);
  const body = element("div", { class: "operation-body" },
    element("pre", {}, curl_of(method, path, types)),
    field_table("Parameters", parameters.map(({ name, schema, description, required }) =>
      [name, type_of(document, schema), (description ?? "") + limits_of(schema) + (required ? " Required." : "")])),
    types.length ? field_table(`Body: ${types.join(" or ")}`,
      fields_of(document, described.requestBody.content[types[0]].schema)) : null,
    field_table(`Response: ${Object.keys(answer).join(" or ")}`,
      fields_of(document, Object.values(answer)[0]?.schema).map(([name, type, note]) =>
        [name, type, note.replace(/ ?Required\.$/, "")])),
    errors.length ? element("p", { class: "note" }, `Other statuses: ${errors.join(", ")}.`) : null);
  return element("details", { class: "operation" },
    element("summary", {}, element("span", { class: "method" }, method),
      element("span", { class: "path" }, path), element("span", { class: "about" }, described.summary)), body);
}

async function show_api() {
  if (described) return;
  described = true;
  try {
    const document = await get_json("/openapi.json");
    by_id("api-list").replaceChildren(...Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).filter(([method]) => method !== "parameters")
        .map(([method, value]) => operation(document, path, method.toUpperCase(), value))));
  } catch (error) {
    described = false;
    show_fault(error);
  }
}
