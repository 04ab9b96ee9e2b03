// The pruning view: a text once a layer, what was pruned, importance, heads, and the answer beside the dense one.
import { stream, element, choices, save, bytes, times, figure } from "./events.js";

const $ = (id) => document.getElementById(id);

const examples = {
  encoder: [
    "As a visual treat, the film is almost perfect.",
    "The plot is thin, the jokes are stale, and yet I could not stop smiling.",
    "It takes a strange kind of laziness to waste the talents of such a fine cast.",
  ],
  generator: [
    "The capital of France is Paris, and the capital of Germany is Berlin. The capital of Italy is",
    "It was a dark night, and the old man walked slowly along the road to the village. He thought of his daughter, who",
    "Du iz tak the same as you, but in another world, said the captain. Tell me once more what you saw on the island, and",
  ],
};

const sliders = { tokens: "s-tokens", heads: "s-heads", values: "s-values", msb: "s-msb", lsb: "s-lsb", vbits: "s-vbits", threshold: "s-threshold" };

// startPruning wires the view and returns where the last run is kept, for the accelerator's view.
export function startPruning(setup) {
  const last = { request: null, result: null };
  choices($("model"), setup.models.map((m) => [m.id]));
  const model = () => setup.models.find((m) => m.id === $("model").value);

  const enter = () => {
    const m = model();
    const kind = m.causal ? "generator" : "encoder";
    choices($("example"), examples[kind].map((t, i) => [String(i), `${t.slice(0, 48)}…`]));
    $("text").value = examples[kind][0];
    const own = m.schedule ? [["own", "the model's own"]] : [];
    choices($("schedule"), [...own, ["dense", "dense (prune nothing)"], ["custom", "your own, by the sliders"], ...setup.schedules.map((s) => [s])]);
    $("generate-label").hidden = !m.causal;
    $("result").hidden = true;
  };
  $("model").addEventListener("change", enter);
  $("example").addEventListener("change", () => {
    $("text").value = examples[model().causal ? "generator" : "encoder"][$("example").value];
    run();
  });
  $("schedule").addEventListener("change", () => run());
  enter();

  const show = () => {
    for (const id of Object.values(sliders)) {
      const v = Number($(id).value);
      const out = $(id).parentElement.querySelector("output");
      out.textContent = /bits|msb|lsb/.test(id) ? (v ? `${v}` : "float") : id === "s-threshold" ? v.toFixed(2) : `${Math.round(v * 100)} %`;
    }
    $("s-lsb").disabled = $("s-msb").value === "0";
  };
  let waiting;
  for (const id of Object.values(sliders)) {
    $(id).addEventListener("input", () => {
      $("schedule").value = "custom";
      show();
      clearTimeout(waiting);
      waiting = setTimeout(run, 250);
    });
  }
  show();

  // pruning is the request's extra object.
  const pruning = () => {
    const chosen = $("schedule").value;
    if (chosen === "own") return undefined;
    if (chosen === "dense") return { dense: true };
    if (chosen !== "custom") return { schedule: chosen };
    const v = Object.fromEntries(Object.entries(sliders).map(([k, id]) => [k, Number($(id).value)]));
    const average = {};
    for (const k of ["tokens", "heads", "values"]) if (v[k] < 1) average[k] = v[k];
    const schedule = { name: "custom", protect: { first: 1 }, renormalize: true };
    if (Object.keys(average).length) schedule.average = average;
    if (v.msb) schedule.key = { msb: v.msb, ...(v.lsb ? { lsb: v.lsb, threshold: v.threshold } : {}) };
    if (v.vbits) schedule.value = { bits: v.vbits };
    return { schedule };
  };

  let running;
  async function run() {
    running?.abort();
    running = new AbortController();
    const mine = running;
    const m = model();
    const request = { model: m.id, text: $("text").value, max_tokens: m.causal ? Number($("generate").value) : 0, spatten: pruning() };
    $("status").textContent = "running…";
    $("status").className = "";
    try {
      let read, tokens = [];
      await stream("api/look", request, ({ kind, data }) => {
        if (mine !== running) return;
        if (kind === "read") {
          read = data;
          draw(read, tokens, m);
        } else if (kind === "token") {
          tokens.push(data);
          drawSentence(read, tokens);
        } else if (kind === "end") {
          last.request = request;
          last.result = { request, read, tokens, end: data };
          drawAnswer(read, tokens, data, m);
          drawCards(read, tokens, data.cost);
        }
      }, mine.signal);
      $("status").textContent = "done";
    } catch (e) {
      if (e.name === "AbortError") return;
      $("status").textContent = e.message;
      $("status").className = "error";
    }
  }
  $("ask").addEventListener("submit", (e) => { e.preventDefault(); run(); });
  $("exports").addEventListener("click", (e) => exportIt(e.target.dataset.export, last));
  last.run = run;
  return last;
}

function draw(read, tokens, m) {
  $("result").hidden = false;
  drawSentence(read, tokens);
  drawHeads(read);
  drawImportance(read);
  drawPeaks(read);
  $("answer").replaceChildren(element("p", "hint", m.causal ? "writing…" : "…"));
}

// drawSentence writes the text once a layer; layers in which nothing changed stand together.
function drawSentence(read, tokens) {
  const layers = tokens.length ? tokens[tokens.length - 1].layers : read.layers;
  const words = [...read.words.map((w) => w.text), ...tokens.map((t) => t.text)];
  const rows = [];
  for (let first = 0; first < layers.length;) {
    let end = first + 1;
    const same = (a, b) => a.tokens.length === b.tokens.length && a.heads.length === b.heads.length;
    while (end < layers.length && same(layers[end], layers[first])) end++;
    rows.push([first, end - 1, layers[first]]);
    first = end;
  }
  const list = $("sentence");
  list.replaceChildren(...rows.map(([first, end, layer]) => {
    const live = new Set(layer.tokens);
    const li = element("li");
    const where = first === end ? `layer ${first}` : `layers ${first}–${end}`;
    li.append(element("span", "where", `${where}: ${layer.tokens.length} tokens, ${layer.heads.length} heads`));
    const text = element("span", "words");
    words.forEach((w, i) => {
      const classes = ["word"];
      if (!live.has(i)) classes.push("gone");
      if (/^(\[[A-Z]+\]|<\|.*\|>)$/.test(w)) classes.push("special");
      if (i >= read.words.length) classes.push("new");
      text.append(element("span", classes.join(" "), w));
    });
    li.append(text);
    return li;
  }));
  list.dataset.kept = String(layers.reduce((n, l) => n + l.tokens.length, 0));
}

function drawHeads(read) {
  const cells = read.layers.flatMap((l, layer) => d3.range(read.heads).map((head) => ({ layer, head, lives: l.heads.includes(head) })));
  const plot = Plot.plot({
    height: 40 + 14 * read.layers.length, width: 120 + 26 * read.heads, marginLeft: 60, x: { label: "head" }, y: { label: "layer" },
    color: { domain: [true, false], range: ["var(--accent)", "var(--line)"] },
    marks: [Plot.cell(cells, { x: "head", y: "layer", fill: "lives", inset: 1, title: (d) => `layer ${d.layer}, head ${d.head}: ${d.lives ? "lives" : "pruned"}` })],
  });
  figure("heads-figure", plot, `${read.layers.at(-1).heads.length} of ${read.heads} heads live in the last layer.`);
}

function drawImportance(read) {
  const words = read.words.slice(0, 96);
  const cells = read.importance.flatMap((row, layer) => words.map((w, i) => ({ layer, at: i, word: w.text, score: row[i] ?? 0, lives: read.layers[layer].tokens.includes(i) })));
  const plot = Plot.plot({
    height: 110 + 14 * read.layers.length, width: Math.max(320, 100 + 22 * words.length), marginLeft: 60, marginBottom: 80,
    x: { label: null, tickRotate: -60, tickFormat: (i) => words[i].text.trim() || "␣" }, y: { label: "layer" },
    color: { scheme: "blues", type: "sqrt", legend: true, label: "attention received" },
    marks: [Plot.cell(cells, { x: "at", y: "layer", fill: "score", fillOpacity: (d) => (d.lives ? 1 : 0.25), title: (d) => `${d.word}, layer ${d.layer}: ${d.score.toFixed(2)}${d.lives ? "" : " (pruned)"}` })],
  });
  const top = words.map((w, i) => [w.text.trim(), read.importance.at(-1)[i] ?? 0]).sort((a, b) => b[1] - a[1]).slice(0, 3).map(([w]) => w);
  figure("importance-figure", plot, `The tokens that received most attention: ${top.join(", ")}.`);
}

function drawPeaks(read) {
  const n = read.peaks.length;
  const bars = read.peaks.flatMap((p, i) => [
    { x1: i / n, x2: (i + 1) / n, count: p.lsbs, kind: "asked for LSBs" },
    { x1: i / n, x2: (i + 1) / n, count: p.queries - p.lsbs, kind: "read MSBs only" },
  ]);
  const marks = [Plot.rectY(bars, Plot.stackY({ x1: "x1", x2: "x2", y: "count", fill: "kind" })), Plot.ruleY([0])];
  if (read.threshold > 0) marks.push(Plot.ruleX([read.threshold], { stroke: "var(--ink)", strokeDasharray: "4 3" }));
  const plot = Plot.plot({
    height: 220, marginLeft: 60, x: { label: "largest probability", domain: [0, 1] }, y: { label: "queries" },
    color: { domain: ["read MSBs only", "asked for LSBs"], range: ["var(--accent)", "#d9822b"], legend: true }, marks,
  });
  const all = d3.sum(read.peaks, (p) => p.queries), asked = d3.sum(read.peaks, (p) => p.lsbs);
  figure("peaks-figure", plot, `${asked} of ${all} queries asked for the least significant bits.`);
}

function drawAnswer(read, tokens, end, m) {
  const box = element("div", "answers");
  const side = (name, className, text) => {
    const d = element("div", className);
    d.append(element("h2", "", name), text);
    box.append(d);
  };
  if (m.causal) {
    side("Pruned", "pruned", end.text ?? "");
    side("Dense", "dense", end.dense_text ?? "");
  } else if (read.pruned.label) {
    const say = (o) => `${o.label}, ${(100 * o.probability).toFixed(1)} %`;
    side("Pruned", "pruned", say(read.pruned));
    side("Dense", "dense", say(read.dense));
  } else {
    side("Embedding", "pruned", "This model embeds texts; it has no answer in words.");
  }
  $("answer").replaceChildren(box);
}

function drawCards(read, tokens, cost) {
  const layers = tokens.length ? tokens.at(-1).layers : read.layers;
  const length = read.words.length + tokens.length;
  const kept = d3.mean(layers, (l) => l.tokens.length) / length;
  const kv = cost.spatten.kv_bytes || cost.summarization_kv_bytes;
  const cards = [
    [`${(100 * kept).toFixed(0)} %`, "of the tokens live in a layer, on average", "kept"],
    [times(cost.dense_fp32.kv_bytes, kv), `less of K and V read than dense fp32 (${bytes(kv)})`, "bytes"],
    [times(cost.dense_fp32.operations, cost.spatten.operations), "fewer operations, projections and feed-forward included", "operations"],
    [cost.queries ? `${((100 * cost.recomputed) / cost.queries).toFixed(1)} %` : "–", "of the queries asked for LSBs", "lsbs"],
  ];
  $("cards").replaceChildren(...cards.map(([big, small, name]) => {
    const c = element("div", "card");
    c.dataset.name = name;
    c.append(element("b", "", big), element("span", "", small));
    return c;
  }));
  $("cards").dataset.kept = kept.toFixed(4);
}

async function exportIt(what, last) {
  if (!what || !last.result) return;
  if (what === "schedule") save("schedule.yaml", last.result.read.schedule || "# dense\n", "text/yaml");
  if (what === "result") save("result.json", JSON.stringify(last.result, null, 2), "application/json");
  if (what === "svg") {
    document.querySelectorAll("#result .plot svg").forEach((svg) => {
      const copy = svg.cloneNode(true);
      copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
      const style = getComputedStyle(document.documentElement);
      const text = copy.outerHTML.replace(/var\((--[a-z]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
      save(`${svg.closest("figure").id.replace("-figure", "")}.svg`, text, "image/svg+xml");
    });
  }
  if (what === "trace") {
    const answer = await fetch("api/trace", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(last.request) });
    if (answer.ok) save("run.trace", await answer.blob());
  }
}
