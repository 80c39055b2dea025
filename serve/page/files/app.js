// The page: what is on it, and what its parts do together.

import { showChats, titleOf } from "./chats.js";
import { question } from "./dialogs.js";
import { el } from "./dom.js";
import { AnswerView, UserView, editor, growing, isSend } from "./messages.js";
import { ask, models as listModels } from "./server.js";
import { key, newChat, onOtherTab, readChat, saveChat, saveSettings, setTheme, settings } from "./store.js";

const $ = (id) => document.getElementById(id);
const [messages, text, scroll, failure] = [$("messages"), $("text"), $("scroll"), $("failure")];

let models = [];
let chat = newChat();
let writing = null; // the AbortController of the answer that is being written
let written = Promise.resolve(); // the end of the last answer

// Models.

async function loadModels() {
  clearFailure();
  try {
    models = await listModels();
    if (models.length === 0) throw new Error("The server has no models.");
  } catch (e) {
    fail(e, loadModels);
    return;
  }
  const label = (m) => (m.chat ? m.id : m.id + " · continues texts");
  $("model").replaceChildren(...models.map((m) => el("option", { value: m.id }, label(m))));
  $("model").disabled = false;
  $("model").value = model().id;
  showModel();
}

const model = () => models.find((m) => m.id === settings.model) ?? models[0];

/** showModel says what the model does: chat, or go on with texts. */
function showModel() {
  const chats = model()?.chat ?? true;
  $("welcome-title").textContent = chats ? "What would you like to talk about?" : "Begin a text";
  $("welcome-text").textContent = chats
    ? "What you write goes to this server and nowhere else."
    : "This model has no chat template: it does not answer, it goes on with what you write.";
  text.placeholder = chats ? "Write a message" : "Begin a text";
  $("system").disabled = !chats;
  $("system-note").hidden = chats;
}

// Conversations.

const handlers = {
  edit(view) {
    const message = chat.messages[indexOf(view)];
    const mine = message.role === "user";
    editor(view, message.content, mine ? "Send" : "Save", async (value) => {
      text.focus();
      if (value === null) return;
      await stop();
      message.content = value;
      if (mine) chat.messages.length = indexOf(view) + 1;
      keep();
      showMessages();
      if (mine) answer();
    });
  },
  async again(view) {
    await stop();
    chat.messages.length = indexOf(view);
    answer();
  },
};

const indexOf = (view) => [...messages.children].findIndex((e) => e === view.element);

function viewOf(message) {
  return message.role === "user" ? new UserView(message, handlers) : new AnswerView(message, handlers);
}

function showMessages() {
  messages.replaceChildren(...chat.messages.map((m) => viewOf(m).element));
  showWelcome();
  clearFailure();
}

function showWelcome() {
  $("welcome").hidden = chat.messages.length > 0;
  $("title").textContent = titleOf(chat);
  document.title = chat.title ? chat.title + " – Trit" : "Trit";
  $("system").value = chat.system;
}

function open(next) {
  stop();
  chat = next;
  showMessages();
  list();
  closeSide();
  scroll.scrollTop = scroll.scrollHeight;
  text.focus();
}

const openNew = () => open(newChat());

function list() {
  showChats(chat.id, {
    open: (id) => (id === chat.id ? closeSide() : open(readChat(id) ?? newChat())),
    changed: (id) => {
      if (id === chat.id) chat.title = readChat(id).title;
      showWelcome();
      list();
    },
    gone: (id) => (id === chat.id ? openNew() : list()),
  });
}

/** keep saves the conversation. */
function keep() {
  chat.updated = new Date().toISOString();
  if (!saveChat(chat)) fail(new Error("The browser has no room for this conversation. Export or delete old ones."));
  list();
}

// Answers.

function send() {
  const content = text.value;
  if (!content.trim() || writing || !model()) return;
  text.value = "";
  fitText();
  const message = { role: "user", content };
  chat.messages.push(message);
  chat.title ||= content.trim().split("\n")[0].slice(0, 60);
  messages.append(viewOf(message).element);
  answer();
}

/** answer asks for the next message of the conversation. */
function answer() {
  written = write();
}

async function write() {
  const own = chat; // the reader may open another conversation
  const message = { role: "assistant", content: "", writing: true };
  if (models.length > 1) message.model = model().id;
  const view = viewOf(message);
  const control = (writing = new AbortController());
  clearFailure();
  while (messages.children.length > chat.messages.length) messages.lastChild.remove();
  messages.append(view.element);
  showWelcome();
  keep();
  showWriting(true);
  scroll.scrollTop = scroll.scrollHeight;
  let error;
  try {
    await receive(message, view, control.signal);
  } catch (e) {
    if (e.name === "AbortError") message.finish = "stopped";
    else [error, message.finish] = [e, "failed"];
  }
  delete message.writing;
  if (message.content || message.thoughts) own.messages.push(message);
  else view.element.remove();
  if (chat === own) finish(view, control, error ?? emptiness(message));
  else if (readChat(own.id)) saveChat(own); // it may have been deleted
}

async function receive(message, view, signal) {
  const { id, chat: chats } = model();
  const { system, messages } = chat;
  const parts = ask({ model: id, chat: chats, system, messages, sampling: sampling(), signal });
  let first = 0;
  for await (const part of parts) {
    if (part.text || part.thought) {
      first ||= performance.now();
      message.content += part.text ?? "";
      if (part.thought) message.thoughts = (message.thoughts ?? "") + part.thought;
      message.tokens = (message.tokens ?? 0) + 1; // about: a part may hold several
      message.seconds = (performance.now() - first) / 1000;
    }
    if (part.finish) message.finish = part.finish;
    if (part.usage) message.tokens = part.usage.completion_tokens;
    const low = isLow();
    view.grow();
    if (low) requestAnimationFrame(toEnd);
  }
}

/** finish shows that the answer is there, or why it is not. */
function finish(view, control, error) {
  const low = isLow();
  view.end();
  if (low) toEnd();
  $("status").textContent = "The answer has ended.";
  if (writing === control) writing = null;
  showWriting(Boolean(writing));
  keep();
  if (error) fail(error, again);
}

/** emptiness is what to say of an answer that has nothing in it. */
function emptiness({ content, thoughts, finish }) {
  if (content || thoughts || finish === "stopped") return null;
  return new Error("The answer is empty: the model ended the text at once.");
}

/** again asks for the last answer anew. */
function again() {
  if (chat.messages.at(-1)?.role === "assistant") chat.messages.pop();
  if (chat.messages.length > 0) answer();
}

/** stop ends the answer that is being written, and waits until what there is of it is kept. */
function stop() {
  writing?.abort();
  writing = null;
  showWriting(false);
  return written;
}

function showWriting(is) {
  $("send").hidden = is;
  $("stop").hidden = !is;
  messages.setAttribute("aria-busy", is);
  if (is) $("status").textContent = "The model is writing.";
}

/** sampling are the fields of a request that the reader has set. */
function sampling() {
  const fields = {};
  for (const name of ["temperature", "top_p", "max_tokens"]) {
    if (settings[name] !== "") fields[name] = Number(settings[name]);
  }
  return fields;
}

const isLow = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
const toEnd = () => (scroll.scrollTop = scroll.scrollHeight);

// Errors.

let countdown = 0;

function clearFailure() {
  clearInterval(countdown);
  failure.hidden = true;
  failure.replaceChildren();
}

/** fail says what went wrong, and offers to try again. */
function fail(error, retry) {
  clearFailure();
  failure.hidden = false;
  failure.append(el("p", {}, error.message));
  if (error.status === 401) failure.append(keyButton(retry));
  else if (retry) failure.append(retryButton(retry, error.retryAfter));
  if (isLow()) toEnd();
  failure.scrollIntoView({ block: "nearest" });
}

/** retryButton counts the seconds down that the server has named. */
function retryButton(retry, seconds) {
  const b = el("button", { type: "button", click: retry }, "Try again");
  const show = () => {
    b.disabled = seconds > 0;
    b.textContent = seconds > 0 ? `Try again in ${seconds} s` : "Try again";
    if (seconds-- <= 0) clearInterval(countdown);
  };
  if (seconds > 0) countdown = setInterval(show, 1000);
  show();
  return b;
}

function keyButton(retry) {
  return el("button", { type: "button", class: "main", click: () => enterKey(retry) }, "Enter a key");
}

async function enterKey(retry) {
  const value = await question({
    title: "API key", text: "It is kept until this tab is closed.", yes: "Use it", value: key.get(), secret: true,
  });
  if (value === null) return;
  key.set(value.trim());
  await (models.length > 0 && retry ? retry() : loadModels());
}

// Settings.

function openSettings() {
  for (const name in settings) if (name !== "model") $(name).value = settings[name];
  $("system").value = chat.system;
  $("key").value = key.get();
  $("key-field").hidden = !key.get();
  $("settings").showModal();
}

function closeSettings() {
  for (const name in settings) {
    if (name !== "model" && $(name).validity.valid) settings[name] = $(name).value;
  }
  saveSettings();
  if (!$("key-field").hidden) key.set($("key").value.trim());
  if (chat.system === $("system").value) return;
  chat.system = $("system").value;
  if (chat.messages.length > 0) keep();
}

const dark = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";

/** switchTheme changes it; the system's own theme needs no choice of the reader. */
function switchTheme() {
  const next = isDark() ? "light" : "dark";
  setTheme((next === "dark") === dark.matches ? "" : next);
  showTheme();
}

const showTheme = () => $("theme").setAttribute("aria-pressed", isDark());

// The list on narrow screens.

function openSide() {
  document.body.classList.add("side");
  $("side-open").setAttribute("aria-expanded", "true");
  $("side-close").focus();
}

function closeSide() {
  document.body.classList.remove("side");
  $("side-open").setAttribute("aria-expanded", "false");
}

// Everything begins.

const fitText = growing(text);

const clicks = {
  "new": openNew, "set": openSettings, "theme": switchTheme,
  "side-open": openSide, "side-close": closeSide, "shade": closeSide,
  "stop": () => { stop(); text.focus(); },
};
for (const id in clicks) $(id).addEventListener("click", clicks[id]);

$("composer").addEventListener("submit", (e) => { e.preventDefault(); send(); });
text.addEventListener("keydown", (e) => { if (isSend(e)) { e.preventDefault(); send(); } });
$("settings").addEventListener("close", closeSettings);
$("model").addEventListener("change", () => { settings.model = $("model").value; saveSettings(); showModel(); });
dark.addEventListener("change", showTheme);
onOtherTab(list);

addEventListener("keydown", (e) => {
  if (document.querySelector("dialog[open]")) return;
  if (e.key === "Escape") document.body.classList.contains("side") ? closeSide() : stop();
  if ((e.ctrlKey || e.metaKey) && !e.shiftKey && !e.altKey && e.key.toLowerCase() === "k") {
    e.preventDefault();
    openNew();
  }
});

showTheme();
showMessages();
list();
text.focus();
loadModels();
