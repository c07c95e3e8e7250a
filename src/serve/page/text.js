// Elements, numbers and places in texts.

const by_id = (id) => document.getElementById(id);

// element("p", {class: "note"}, "text", child...): attributes, then children. Text is never markup.
function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "circle", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const with_width = (made, percent) => {
  made.style.width = `${percent}%`;
  return made;
};

function percent(share) {
  if (share < 0.0005) return "< 0.1 %";
  return `${(100 * share).toFixed(share < 0.0995 || share >= 0.995 ? 1 : 0)} %`;
}
const ms = (value) => (value >= 99.5 ? value.toFixed(0) : value >= 9.95 ? value.toFixed(1) : value.toFixed(2));
const count = (value) => value.toLocaleString("en");

function size(bytes) {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

// JavaScript counts UTF-16 units, the service code points.
function unit_of_code_point(text, place) {
  let unit = 0;
  for (let seen = 0; seen < place && unit < text.length; ++seen) {
    unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
  }
  return unit;
}

// For screen readers.
function say(text) {
  by_id("status").textContent = text;
}

function show_fault(error) {
  if (error?.name === "AbortError") return;
  const fault = by_id("fault");
  fault.textContent = error ? error.message : "";
  fault.hidden = !error;
  if (error && !(error instanceof ServiceError)) console.error(error);
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
