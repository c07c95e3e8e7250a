// Stored passages: find one by the beginning of its id, pick it.

const library = {
  shown: [],
  next: "",
  picked: null, // {id, text}
  turn: 0,      // of the search that is wanted
};

const list_path = (after) => "/v1/passages?" +
  new URLSearchParams({ prefix: by_id("search").value, after, limit: 50 });

async function search_passages() {
  const turn = ++library.turn;
  library.shown = [];
  library.next = "";
  await load_passages(turn);
}

// A page of a search may be empty and still have a next one: the service looks at so many ids at a time.
async function load_passages(turn) {
  const wanted = library.shown.length + 50;
  do {
    const page = await get_json(list_path(library.next));
    if (turn !== library.turn) return;
    library.shown.push(...page.passages.map((passage) => passage.id));
    library.next = page.next ?? "";
  } while (library.next && library.shown.length < wanted);
  show_passages();
}

function show_passages() {
  const { shown, next, picked } = library;
  by_id("stored-list").replaceChildren(...shown.map((id) => element("div", {
    class: "pick", role: "option", id: `pick-${shown.indexOf(id)}`, "aria-selected": `${picked?.id === id}`,
    onclick: () => pick_passage(id) }, id)));
  by_id("stored-more").hidden = !next;
  by_id("stored-note").textContent = shown.length
    ? `${count(shown.length)}${next ? " and more" : ""} ${shown.length === 1 ? "passage" : "passages"}`
    : "No passage begins so.";
}

async function pick_passage(id) {
  try {
    library.picked = await get_json(`/v1/passages/${encodeURIComponent(id)}`);
    for (const option of by_id("stored-list").children) {
      const chosen = option.textContent === id;
      option.setAttribute("aria-selected", `${chosen}`);
      if (!chosen) continue;
      by_id("stored-list").setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
    show_fault(null);
    forget_answer();
    show_reading(library.picked.text, []);
    say(`Passage ${id}, ${library.picked.tokens} tokens, is picked.`);
  } catch (error) {
    show_fault(error);
  }
}

function move_in_list(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !library.shown.length) return;
  event.preventDefault();
  const at = library.shown.indexOf(library.picked?.id) + step;
  const place = Math.min(Math.max(at, 0), library.shown.length - 1);
  pick_passage(library.shown[place]);
}

function set_up_library() {
  let timer = 0;
  by_id("search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => search_passages().catch(show_fault), 200);
  });
  by_id("stored-more").addEventListener("click", () => load_passages(library.turn).catch(show_fault));
  by_id("stored-list").addEventListener("keydown", move_in_list);
}
