// What the views share: the server's event streams, and small pieces of the page.

// stream posts a request and calls each with every event of the answer: {kind, data}.
export async function stream(path, body, each, signal) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => null);
    throw new Error(problem?.error?.message ?? `the server answered ${answer.status}`);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let at; (at = rest.indexOf("\n\n")) >= 0; rest = rest.slice(at + 2)) {
      const event = JSON.parse(rest.slice(0, at).replace(/^data: /, ""));
      if (event.kind === "error") throw new Error(event.data.message);
      each(event);
    }
  }
}

// element makes one with a class and a text.
export function element(name, className = "", text = "") {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== "") e.textContent = text;
  return e;
}

// choices fills a select with names.
export function choices(select, list) {
  select.replaceChildren(...list.map(([value, text]) => Object.assign(element("option", "", text ?? value), { value })));
}

// save offers a file.
export function save(name, content, type) {
  const link = element("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// bytes prints a number of bytes with its unit.
export function bytes(n) {
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["KB", 1e3]]) if (n >= size) return `${(n / size).toFixed(1)} ${unit}`;
  return `${n} B`;
}

// times prints how many times less b is than a.
export const times = (a, b) => (b > 0 ? `${(a / b).toFixed(1)} ×` : "–");

// figure draws a plot into a figure and describes it for those who do not see it.
export function figure(id, plot, description) {
  const box = document.querySelector(`#${id} .plot`);
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", description);
  box.replaceChildren(plot);
}
