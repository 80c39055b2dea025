// Speaks with the server, by the API of OpenAI.

import { key } from "./store.js";

/** ServerError says in words what went wrong. status is 0 if there was no answer. */
export class ServerError extends Error {
  constructor(message, status = 0, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter; // seconds
  }
}

/** WORDS are for answers that do not say what is wrong. */
const WORDS = {
  401: "The server asks for a key.",
  403: "This key does not allow it.",
  408: "It took longer than the server allows.",
  413: "That is more than the server takes.",
  429: "The server has too much to do.",
  500: "The server failed.",
};

async function errorOf(response) {
  let text = "";
  try {
    text = (await response.json()).error.message;
  } catch {
    // Whoever answered is not this server: the status must do.
  }
  return new ServerError(
    (text && sentence(text)) || WORDS[response.status] || `The server answered with status ${response.status}.`,
    response.status,
    Number(response.headers.get("Retry-After")) || 0,
  );
}

/** sentence begins with a capital letter and ends with a full stop. */
function sentence(text) {
  text = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(text) ? text : text + ".";
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (key.get()) headers.Authorization = "Bearer " + key.get();
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new ServerError("The server cannot be reached. Is it still running?");
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** models lists the models: id, and chat if it has a chat template. */
export async function models() {
  return (await (await request("/v1/models")).json()).data;
}

/**
 * ask yields an answer as it is written, in parts: {text}, {thought}, {finish: reason} and
 * {usage}. chat says whether the model has a chat template; one without continues the text of the
 * conversation.
 */
export async function* ask({ model, chat, system, messages, sampling, signal }) {
  const body = { model, stream: true, stream_options: { include_usage: true }, ...sampling };
  if (chat) body.messages = turns(system, messages);
  else {
    body.prompt = continued(messages);
    body.max_tokens ??= 256; // the API's own number, 16, ends in the middle of a sentence
  }
  const response = await request(chat ? "/v1/chat/completions" : "/v1/completions", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
  });
  for await (const event of events(response.body)) {
    if (event.error) throw new ServerError(sentence(event.error.message || "the answer broke off"), 500);
    if (event.usage) yield { usage: event.usage };
    const choice = event.choices?.[0];
    if (!choice) continue;
    const { content, reasoning_content: thought } = choice.delta ?? { content: choice.text };
    if (thought) yield { thought };
    if (content) yield { text: content };
    if (choice.finish_reason) yield { finish: choice.finish_reason };
  }
}

/**
 * turns are the messages for the model. Thoughts stay behind, as chat templates want it. Messages
 * of one side in a row, as after an error, become one: many templates refuse them.
 */
function turns(system, messages) {
  const list = system.trim() ? [{ role: "system", content: system }] : [];
  for (const { role, content } of messages) {
    const last = list.at(-1);
    if (!content) continue;
    if (last?.role === role) last.content += "\n\n" + content;
    else list.push({ role, content });
  }
  return list;
}

/** continued is the text that a model without a chat template goes on with. */
function continued(messages) {
  let text = "";
  for (const { role, content } of messages) text += (role === "user" && text ? "\n" : "") + content;
  return text;
}

/** events yields the JSON of server-sent events until [DONE]. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (e) {
      if (e.name === "AbortError") throw e;
      part = { done: true };
    }
    if (part.done) throw new ServerError("The connection ended before the answer did.");
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}
