// Times as bars, and what reuse saves as a curve.

const kStages = [
  ["wait", "Waiting for a batch under way"],
  ["tokenize", "Tokenise"],
  ["read", "Read the store"],
  ["lower", "Lower layers"],
  ["upper", "Upper layers"],
  ["decode", "Find the spans"],
];

// The service's timing with what is left of the total.
function stages_of(timing) {
  const stages = {};
  let known = 0;
  for (const [name] of kStages.slice(0, -1)) known += stages[name] = Math.max(0, timing[`${name}_ms`]);
  stages.decode = Math.max(0, timing.total_ms - known);
  return stages;
}

function bar(name, timing, longest) {
  const stages = stages_of(timing);
  const track = element("div", { class: "track", "aria-hidden": "true" });
  with_width(track, (100 * timing.total_ms) / longest);
  for (const [stage] of kStages) {
    if (stages[stage] < longest / 1000) continue;
    const part = element("i", { class: `s-${stage}` });
    part.style.flex = `${stages[stage]} 0 0`;
    track.append(part);
  }
  return [element("span", { class: "name" }, name), element("div", {}, track),
    element("span", { class: "sum" }, `${ms(timing.total_ms)} ms`)];
}

function stage_table(timings) {
  const stages = timings.map(([, timing]) => stages_of(timing));
  const rows = kStages.filter(([stage]) => stages.some((each) => each[stage] >= 0.005));
  return element("table", { class: "stages" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Stage"),
      ...timings.map(([name]) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map(([stage, label]) => element("tr", {},
      element("th", { scope: "row" }, element("i", { class: `swatch s-${stage}` }), label),
      ...stages.map((each) => element("td", {}, ms(each[stage])))))));
}

// `timings`: [["Cold", timing], ["Warm", timing]], or one of the two.
function draw_bars(timings) {
  const longest = Math.max(...timings.map(([, timing]) => timing.total_ms));
  by_id("bars").replaceChildren(
    element("div", { class: "bars" }, ...timings.flatMap(([name, timing]) => bar(name, timing, longest))),
    stage_table(timings));
  const [cold, warm] = timings.map(([, timing]) => timing.total_ms);
  by_id("gain").textContent = warm ? `${(cold / warm).toFixed(cold > 9.95 * warm ? 0 : 2)} times as fast from the store` : "";
  by_id("times").hidden = false;
}

// A step of 1, 2 or 5 times a power of ten, so that `most` has two to five of them.
function step_for(most) {
  const power = 10 ** Math.floor(Math.log10(most / 2));
  return power * ([5, 2, 1].find((times) => times * power <= most / 2) ?? 1);
}

// `points`: [{cold, warm}] in ms of each question; `encode`: ms that encoding took, or null.
function draw_curve(points, encode) {
  by_id("reuse").hidden = false;
  const width = Math.max(by_id("curve").clientWidth, 280);
  const labelled = width >= 460;
  const height = 250, left = 56, right = labelled ? 118 : 14, top = 14, bottom = 30;
  const cold = [0], warm = [encode ?? 0];
  for (const point of points) {
    cold.push(cold.at(-1) + point.cold);
    warm.push(warm.at(-1) + point.warm);
  }
  const most = Math.max(cold.at(-1), warm.at(-1));
  const x = (i) => left + ((width - left - right) * i) / points.length;
  const y = (value) => height - bottom - ((height - top - bottom) * value) / most;
  const chart = element("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
  chart.append(element("title", {}, curve_summary(points.length, cold.at(-1), warm.at(-1))));
  for (let value = 0; value <= most; value += step_for(most)) {
    chart.append(element("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
      element("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, count(value)));
  }
  const every = Math.ceil(points.length / 8);
  chart.append(element("text", { x: left - 8, y: height - 10, "text-anchor": "end" }, "ms"));
  for (let i = 0; i <= points.length; i += every) {
    chart.append(element("text", { x: x(i), y: height - 10, "text-anchor": "middle" }, `${i}`));
  }
  const close = Math.abs(y(cold.at(-1)) - y(warm.at(-1))) < 16;
  const up = cold.at(-1) >= warm.at(-1) ? -1 : 1;
  for (const [name, values, label, side] of [["cold", cold, "without reuse", up], ["warm", warm, "with reuse", -up]]) {
    const path = values.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    chart.append(element("path", { class: `line ${name}`, d: path }));
    if (points.length <= 30) {
      values.forEach((value, i) => chart.append(element("circle", { class: name, cx: x(i), cy: y(value), r: 4 })));
    }
    const shift = close ? 9 * side : 0;
    if (labelled) {
      chart.append(element("text", { class: name, x: x(points.length) + 10, y: y(values.at(-1)) + 4 + shift }, label));
    }
  }
  const legend = labelled ? "" : element("p", { class: "note" },
    element("i", { class: "swatch s-lower" }), "without reuse\u2003", element("i", { class: "swatch s-upper" }), "with reuse");
  by_id("curve").replaceChildren(chart, legend);
  by_id("curve-note").textContent = curve_summary(points.length, cold.at(-1), warm.at(-1)) +
    (encode === null ? " The passage had been encoded before." : ` Encoding it took ${ms(encode)} ms, seen from here.`);
}

function curve_summary(questions, cold, warm) {
  return `${questions === 1 ? "One question" : `${questions} questions`} about this passage: ` +
    `${ms(cold)} ms when it is read each time, ${ms(warm)} ms when it is read once.`;
}
