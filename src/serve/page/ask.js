// Ask: the question, its answers in the passage, and the times of asking warm and cold.

const kExample = {
  passage: "The Eddystone Lighthouse stands on dangerous rocks some fourteen kilometres off the coast of Cornwall. " +
    "The first tower was built by Henry Winstanley, who lit its candles in November 1698; the great storm of 1703 swept " +
    "it away, and its builder with it. John Rudyard's tower of wood and stone burnt down in 1755. John Smeaton took the " +
    "shape of the third from the trunk of an oak, and made a lime that sets under water to hold its blocks together. " +
    "The sea gnawed at the rock below it, so James Douglass built a fourth tower beside the stump, which has shone since 1882.",
  question: "Who died in the great storm?",
};

// Times of each way to ask: other work on the machine disturbs single ones.
const kRounds = 3;
// Less probable candidates are listed, and not marked.
const kLeastMarked = 0.01;

const asking = {
  text: "",        // the passage that the figures are about
  id: "",          // its id in the store, once it is there
  encode: null,    // ms that encoding it took, where this page did it
  points: [],      // {cold, warm} of each question asked both ways
  answers: [],
  chosen: 0,
};

const from_store = () => document.querySelector("input[name=source]:checked").value === "stored";

// ---- Requests ----

function request_body(passage) {
  const body = { question: by_id("question").value, ...passage, timing: true };
  if (service.info?.task === "span") {
    body.top_k = Number(by_id("top-k").value) || 1;
    if (by_id("no-answer").checked) body.no_answer = true;
  }
  if (service.info?.task === "choice") body.choices = by_id("choices").value.split("\n").filter((line) => line.trim());
  return body;
}

const question_path = () => (service.info?.task === "span" ? "/v1/answer" : "/v1/classify");
const ask_warm = () => post_json(question_path(), request_body({ passage_id: asking.id }));
// Under an id that is not in the store, so that nothing of it can be reused.
const ask_cold = () => post_json(question_path(),
  request_body({ passage: asking.text, passage_id: `cold-${crypto.getRandomValues(new Uint32Array(4)).join("-")}` }));

async function encode_passage() {
  const begin = performance.now();
  const [stored] = await post_lines("/v1/passages", [JSON.stringify({ text: asking.text })]);
  if (stored.error) throw new ServiceError(503, stored.error.code, stored.error.message, "", 0);
  asking.encode = performance.now() - begin;
  asking.id = stored.id;
  load_info();
}

function take_passage() {
  const stored = from_store();
  if (stored && !library.picked) throw new ServiceError(0, "", "Pick a stored passage first.", "", 0);
  const text = stored ? library.picked.text : by_id("passage").value;
  const id = stored ? library.picked.id : "";
  if (!text.trim()) throw new ServiceError(0, "", "Paste a text first.", "", 0);
  if (!by_id("question").value.trim() && service.info?.task === "span") {
    throw new ServiceError(0, "", "Type a question first.", "", 0);
  }
  if (asking.text === text && (!stored || asking.id === id)) return;
  Object.assign(asking, { text, id, encode: null, points: [] });
  by_id("reuse").hidden = true;
}

// A pasted text is there to be asked again when its passage has gone from the store.
async function ask_first() {
  try {
    return await (asking.id ? ask_warm() : ask_cold());
  } catch (error) {
    if (error.status !== 404 || !asking.id || from_store()) throw error;
    asking.id = "";
    return ask_cold();
  }
}

// The answer is shown as soon as it is known; what follows is for the figures.
async function ask() {
  take_passage();
  const first = await ask_first();
  show_result(first);
  if (!first.timing) return;
  const times = { cold: [], warm: [] };
  times[asking.id ? "warm" : "cold"].push(first.timing);
  draw_bars([[asking.id ? "Warm" : "Cold", first.timing]]);
  const keep = !from_store() && service.info?.store && by_id("keep").checked;
  if (!asking.id && keep) await encode_passage();
  if (!asking.id || !by_id("compare").checked) return;
  while (times.warm.length < kRounds || times.cold.length < kRounds) {
    if (times.cold.length < kRounds) times.cold.push((await ask_cold()).timing);
    if (times.warm.length < kRounds) times.warm.push((await ask_warm()).timing);
  }
  const [cold, warm] = [times.cold, times.warm].map(median_of);
  asking.points.push({ cold: cold.total_ms, warm: warm.total_ms });
  draw_bars([["Cold", cold], ["Warm", warm]]);
  draw_curve(asking.points, asking.encode);
}

// The run with the middle total.
const median_of = (timings) =>
  [...timings].sort((a, b) => a.total_ms - b.total_ms)[Math.floor(timings.length / 2)];

// ---- What is shown ----

function forget_answer() {
  asking.answers = [];
  by_id("answer-text").textContent = "";
  by_id("answer-note").textContent = "";
  by_id("runners").hidden = true;
}

function show_result(result) {
  if (service.info?.task !== "span") return show_classes(result);
  asking.answers = result.answers;
  asking.chosen = 0;
  by_id("runners-title").textContent = "Candidates";
  by_id("runners").hidden = result.answers.length < 2;
  by_id("runner-list").replaceChildren(...result.answers.map((answer, i) => element("li", {},
    row(answer_name(answer), answer.probability, { "aria-pressed": "false", onclick: () => choose(i) }))));
  choose(0);
  const best = result.answers[0];
  say(best ? `Answer: ${answer_name(best)}, probability ${percent(best.probability)}.` : "The passage has no answer.");
}

const answer_name = (answer) => (answer.no_answer ? "no answer in this passage" : answer.text);

function row(name, share, attributes) {
  const bar = element("span", { class: "share", "aria-hidden": "true" }, with_width(element("i"), 100 * share));
  return element("button", { type: "button", class: "runner", ...attributes },
    element("span", { title: name }, name), bar, element("span", { class: "percent" }, percent(share)));
}

function choose(place) {
  asking.chosen = place;
  const answer = asking.answers[place];
  by_id("answer-text").textContent = answer ? answer_name(answer) : "No answer";
  by_id("answer-note").textContent = answer
    ? `Probability ${percent(answer.probability)} among all spans, score ${answer.score.toFixed(2)}` +
      (place ? `; candidate ${place + 1} of ${asking.answers.length}` : "")
    : "The passage has no word to answer with.";
  [...by_id("runner-list").querySelectorAll("button")].forEach((button, i) =>
    button.setAttribute("aria-pressed", `${i === place}`));
  show_reading(asking.text, asking.answers);
}

// Candidates share no character, so several can be marked; the chosen one stands out.
function show_reading(text, answers) {
  const marks = answers.map((answer, i) => ({ ...answer, chosen: i === asking.chosen }))
    .filter((answer) => !answer.no_answer && (answer.chosen || answer.probability >= kLeastMarked))
    .sort((a, b) => a.start - b.start);
  const parts = [];
  let end = 0;
  for (const mark of marks) {
    const begin = unit_of_code_point(text, mark.start);
    parts.push(text.slice(end, begin));
    end = unit_of_code_point(text, mark.end);
    parts.push(element("mark", { class: mark.chosen ? "chosen" : "" }, text.slice(begin, end)));
  }
  const reading = by_id("reading");
  reading.replaceChildren(...parts, text.slice(end));
  by_id("answer-empty").hidden = true;
  by_id("answer").hidden = false;
  const chosen = reading.querySelector(".chosen");
  if (chosen) reading.scrollTop = chosen.offsetTop - reading.offsetTop - reading.clientHeight / 3;
}

function show_classes(result) {
  const classes = Object.entries(result.probabilities).sort((a, b) => b[1] - a[1]);
  asking.answers = [];
  by_id("answer-text").textContent = result.label;
  by_id("answer-note").textContent = `Probability ${percent(classes[0][1])}`;
  show_reading(asking.text, []);
  by_id("runners").hidden = false;
  by_id("runners-title").textContent = "Classes";
  by_id("runner-list").replaceChildren(...classes.map(([name, share]) =>
    element("li", {}, row(name, share, { disabled: true }))));
  say(`${result.label}, probability ${percent(classes[0][1])}.`);
}

function set_up_ask() {
  by_id("ask-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    by_id("ask").disabled = true;
    show_fault(null);
    try {
      await ask();
    } catch (error) {
      show_fault(error);
    }
    by_id("ask").disabled = false;
  });
  by_id("example").addEventListener("click", () => {
    by_id("passage").value = kExample.passage;
    by_id("question").value = kExample.question;
    by_id("question").focus();
  });
  addEventListener("resize", () => {
    if (asking.points.length) draw_curve(asking.points, asking.encode);
  });
  by_id("source").addEventListener("change", () => {
    const stored = from_store();
    by_id("paste-part").hidden = stored;
    by_id("stored-part").hidden = !stored;
    if (stored) search_passages().catch(show_fault);
  });
}
