// The accelerator view: the last run, replayed on a simulated machine.
import { element, choices, bytes } from "./events.js";

const $ = (id) => document.getElementById(id);

export function startAccelerator(setup, last) {
  const machines = setup.machines ?? [];
  choices($("machine"), machines.map((m) => [m]));
  if (machines.length === 0) {
    $("simulate").disabled = true;
    $("simulation").replaceChildren(element("p", "panel hint", "This server was built without the accelerator's simulation; runs can still be exported as traces."));
    return;
  }
  $("simulate").addEventListener("click", async () => {
    if (!last.request) {
      $("simulate-status").textContent = "Run a text in the pruning view first.";
      return;
    }
    $("simulate-status").textContent = "simulating…";
    try {
      const answer = await fetch("api/simulate", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...last.request, machine: $("machine").value }) });
      const data = await answer.json();
      if (!answer.ok) throw new Error(data.error?.message ?? answer.status);
      draw(data);
      $("simulate-status").textContent = "done";
    } catch (e) {
      $("simulate-status").textContent = e.message;
    }
  });
}

function draw({ pruned, dense, timeline: slices }) {
  const number = (n) => n.toLocaleString("en");
  const energy = (r) => d3.sum(Object.values(r.energy_j));
  const rows = [
    ["cycles", number(pruned.cycles), number(dense.cycles), (dense.cycles / pruned.cycles).toFixed(1)],
    ["DRAM bytes", bytes(pruned.dram_bytes), bytes(dense.dram_bytes), (dense.dram_bytes / pruned.dram_bytes).toFixed(1)],
    ["energy (µJ)", (1e6 * energy(pruned)).toFixed(1), (1e6 * energy(dense)).toFixed(1), (energy(dense) / energy(pruned)).toFixed(1)],
    ["operations", number(pruned.operations), number(dense.operations), (dense.operations / pruned.operations).toFixed(1)],
  ];
  const table = element("table");
  const head = element("tr");
  for (const t of ["", "SpAtten", "dense fp32", "times less"]) head.append(element("th", "", t));
  table.append(head, ...rows.map((r) => {
    const tr = element("tr");
    for (const t of r) tr.append(element("td", "", t));
    return tr;
  }));
  const box = element("div", "panel");
  box.append(table);
  $("simulation").replaceChildren(box);
  section("Energy by unit", bars(Object.entries(pruned.energy_j).map(([name, v]) => ({ name, value: 1e6 * v })), "µJ"));
  section("Stalls by unit and cause", bars(pruned.stalls.map((s) => ({ name: `${s.unit}: ${s.cause}`, value: s.cycles })), "cycles"));
  section("Utilization by unit", bars(pruned.units.map((u) => ({ name: u.unit, value: 100 * u.utilization })), "% of the cycles"));
  section("Channels: bytes moved", bars(channels(pruned), "KB"));
  section("Roofline: where the run lies under the machine's roofs", roofline(pruned.roofline, dense.roofline));
  if (slices?.length) section("Timeline of the pipeline, its beginning (scroll to zoom, drag to move); the whole of it: export the trace, then spatten simulate --timeline", timeline(slices));
}

const channels = (r) => (r.counters.memory.ChannelBursts ?? []).map((n, i) => ({ name: `channel ${i}`, value: (32 * n) / 1e3 }));

function section(title, svg) {
  const f = element("figure", "panel");
  f.append(element("figcaption", "", title));
  const plot = element("div", "plot");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", title);
  plot.append(svg);
  f.append(plot);
  $("simulation").append(f);
}

const bars = (data, unit) => Plot.plot({
  marginLeft: 300, height: 50 + 24 * data.length, x: { label: unit }, y: { label: null },
  marks: [Plot.barX(data, { y: "name", x: "value", fill: "var(--accent)", sort: { y: "-x" } }), Plot.ruleX([0])],
});

function roofline(pruned, dense) {
  const at = [{ ...pruned, name: "SpAtten" }, { ...dense, name: "dense fp32" }];
  const bandwidth = pruned.memory_tflops / pruned.ops_per_byte;
  const x = d3.range(-1, 3.5, 0.05).map((e) => 10 ** e);
  return Plot.plot({
    height: 260, marginLeft: 60, x: { type: "log", label: "operations a byte" }, y: { type: "log", label: "TFLOPS", domain: [0.005, 4] },
    marks: [
      Plot.line(x.map((i) => ({ i, y: Math.min(pruned.compute_tflops, i * bandwidth) })).filter((p) => p.y > 0.005), { x: "i", y: "y", stroke: "var(--soft)" }),
      Plot.dot(at, { x: "ops_per_byte", y: "tflops", fill: "var(--accent)", r: 5 }),
      Plot.text(at, { x: "ops_per_byte", y: "tflops", text: "name", dy: -10 }),
    ],
  });
}

function timeline(slices) {
  const width = 900, units = [...new Set(slices.map((s) => s.unit))], row = 22;
  const svg = d3.create("svg").attr("viewBox", [0, 0, width, 40 + row * units.length]).attr("width", width);
  const x = d3.scaleLinear([d3.min(slices, (s) => s.start), d3.max(slices, (s) => s.end)], [110, width - 10]);
  const axis = svg.append("g").attr("transform", `translate(0,${10 + row * units.length})`);
  svg.append("g").selectAll("text").data(units).join("text").attr("x", 4).attr("y", (_, i) => 22 + row * i).attr("fill", "currentColor").attr("font-size", 12).text((u) => u);
  const clip = svg.append("svg").attr("x", 110).attr("width", width - 120);
  const draw = (scale) => {
    axis.call(d3.axisBottom(scale));
    clip.selectAll("rect").data(slices).join("rect").attr("y", (s) => 10 + row * units.indexOf(s.unit)).attr("height", row - 6)
      .attr("x", (s) => scale(s.start) - 110).attr("width", (s) => Math.max(0.5, scale(s.end) - scale(s.start))).attr("fill", "var(--accent)");
  };
  draw(x);
  svg.call(d3.zoom().scaleExtent([1, 2000]).translateExtent([[110, 0], [width, 0]]).on("zoom", (e) => draw(e.transform.rescaleX(x))));
  return svg.node();
}
