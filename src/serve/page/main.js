// The page as a whole: tabs, what the service is, start.

const service = { info: null };

function fact(value, name) {
  return element("span", {}, element("b", {}, value), ` ${name}`);
}

async function load_info() {
  try {
    const info = await get_json("/v1/info");
    service.info = info;
    const { store } = info;
    const facts = [fact(`${info.layers} layers`, info.split_layer
      ? `split after ${info.split_layer}: those are shared by all questions` : "in one piece: nothing to reuse")];
    if (store) {
      facts.push(fact(count(store.passages), `${store.passages === 1 ? "passage" : "passages"} in ${store.engine}` +
        (store.bytes === undefined ? "" : `, ${size(store.bytes)}`)));
    } else {
      facts.push(element("span", {}, "no store: start the service with --store to reuse passages"));
    }
    facts.push(element("span", {}, `version ${info.version}`));
    by_id("facts").replaceChildren(...facts);
    by_id("keep-row").hidden = !store;
    by_id("choices-part").hidden = info.task !== "choice";
    document.querySelector("input[name=source][value=stored]").disabled = !store;
    by_id("encode").disabled = !store || encoding.running;
  } catch (error) {
    if (error.status === 503 && !service.info) {
      by_id("facts").textContent = "The model is being loaded…";
      setTimeout(load_info, 500);
      return;
    }
    show_fault(error);
  }
}

function show_view(name) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", `${chosen}`);
    tab.tabIndex = chosen ? 0 : -1;
    by_id(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  show_fault(null);
  history.replaceState(null, "", `#${name}`);
  if (name === "api") show_api();
}

function set_up_tabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => show_view(tab.id.slice(4)));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    });
  });
  const wanted = location.hash.slice(1);
  if (["ask", "encode", "api"].includes(wanted)) show_view(wanted);
}

set_up_key();
set_up_tabs();
set_up_ask();
set_up_library();
set_up_encode();
load_info();
