// Requests to the service, with the key where there is one.

const kKeyName = "deformer-key";

const key = {
  get: () => sessionStorage.getItem(kKeyName) ?? "",
  set: (value) => (value ? sessionStorage.setItem(kKeyName, value) : sessionStorage.removeItem(kKeyName)),
};

// What the service said no with.
class ServiceError extends Error {
  constructor(status, code, message, field, retryAfter) {
    super(message);
    Object.assign(this, { status, code, field, retryAfter });
  }
}

async function to_error(response) {
  const retry = Number(response.headers.get("Retry-After") ?? 0);
  try {
    const { error } = await response.json();
    return new ServiceError(response.status, error.code, error.message, error.field, retry);
  } catch {
    return new ServiceError(response.status, "unknown", `The service answered ${response.status}.`, "", retry);
  }
}

// Throws ServiceError; asks for a key where one is wanted, and tries again with it.
async function call(method, path, { body, type = "application/json", signal } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = type;
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "unreachable", "The service cannot be reached.", "", 0);
  }
  if (response.ok) return response;
  const fault = await to_error(response);
  if ((fault.status === 401 || fault.status === 403) && (await ask_for_key(fault.message))) {
    return call(method, path, { body, type, signal });
  }
  throw fault;
}

const get_json = async (path, options) => (await call("GET", path, options)).json();
const post_json = async (path, value) => (await call("POST", path, { body: JSON.stringify(value) })).json();

// Lines in, lines out.
async function post_lines(path, lines, signal) {
  const response = await call("POST", path, {
    body: lines.join("\n") + "\n", type: "application/x-ndjson", signal });
  return (await response.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

// Resolves to whether there is a new key. Requests that come meanwhile share the dialog.
let key_asked = null;
function ask_for_key() {
  key_asked ??= new Promise((resolve) => {
    const dialog = by_id("key-dialog");
    const before = key.get();
    by_id("key").value = before;
    dialog.addEventListener("close", () => {
      key_asked = null;
      resolve(key.get() !== before && key.get() !== "");
    }, { once: true });
    dialog.showModal();
  });
  return key_asked;
}

function set_up_key() {
  by_id("key-button").addEventListener("click", async () => {
    if (await ask_for_key()) load_info();
  });
  by_id("key-cancel").addEventListener("click", () => by_id("key-dialog").close());
  by_id("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key.set(by_id("key").value.trim());
    by_id("key-dialog").close();
  });
}
