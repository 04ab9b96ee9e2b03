// The chat view: a plain chat whose pruning is seen: what the last layer has forgotten is greyed.
import { stream, element, choices } from "./events.js";

const $ = (id) => document.getElementById(id);

export function startChat(setup) {
  const models = setup.models.filter((m) => m.chats);
  choices($("chat-model"), models.map((m) => [m.id]));
  const messages = [];
  const enough = models.length > 0;
  for (const id of ["chat-text", "chat-send", "chat-clear"]) $(id).disabled = !enough;
  if (!enough) $("chat-status").textContent = "No model with a chat template is served; start the server with --model and one that has it.";
  $("chat-keep").addEventListener("input", () => { $("chat-keep-out").textContent = `${Math.round(100 * $("chat-keep").value)} %`; });
  $("chat-clear").addEventListener("click", () => { messages.length = 0; $("chat-log").replaceChildren(); $("chat-text").focus(); });

  $("chat-form").addEventListener("submit", async (e) => {
    e.preventDefault();
    const text = $("chat-text").value.trim();
    if (!text || $("chat-send").disabled) return;
    $("chat-text").value = "";
    messages.push({ role: "user", content: text });
    const reply = { role: "assistant", content: "" };
    $("chat-send").disabled = true;
    $("chat-status").textContent = "writing…";
    try {
      let words = [];
      const keep = Number($("chat-keep").value);
      const spatten = keep < 1 ? { schedule: { name: "chat", average: { tokens: keep }, protect: { first: 4, recent: 16 }, importance: { policy: "window", window: 64 } } } : { dense: true };
      await stream("api/look", { model: $("chat-model").value, messages, max_tokens: 96, spatten }, ({ kind, data }) => {
        if (kind === "read") {
          words = data.words;
          show(messages, reply, words, data.layers.at(-1).tokens);
        } else if (kind === "token") {
          reply.content += data.text;
          words.push({ text: data.text, message: messages.length });
          show(messages, reply, words, data.layers.at(-1).tokens);
        }
      });
      messages.push(reply);
      $("chat-status").textContent = "";
    } catch (err) {
      messages.pop();
      $("chat-status").textContent = err.message;
    }
    $("chat-send").disabled = false;
    $("chat-text").focus();
  });
}

// show writes the conversation with each word of it that still lives, or is forgotten.
function show(messages, reply, words, live) {
  const alive = new Set(live);
  const items = [...messages, reply].map((m) => {
    const li = element("li", m.role);
    li.append(element("span", "who", m.role));
    return li;
  });
  words.forEach((w, i) => {
    if (w.message === undefined || w.message < 0 || !items[w.message]) return; // what the template wrote around the messages
    items[w.message].append(element("span", alive.has(i) ? "word" : "word gone", w.text));
  });
  $("chat-log").replaceChildren(...items);
  $("chat-log").scrollTop = $("chat-log").scrollHeight;
  $("chat-log").dataset.kept = String(live.length);
}
