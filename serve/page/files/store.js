// What the browser keeps: conversations and settings in localStorage, the key in sessionStorage.

const CHAT = "trit.chat.";

/** newID makes the ID of a conversation. */
function newID() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** newChat makes a conversation. It is kept from the first save on. */
export function newChat() {
  const now = new Date().toISOString();
  return { id: newID(), title: "", created: now, updated: now, system: "", messages: [] };
}

/** readChat reads a conversation, or null if there is none that is whole. */
export function readChat(id) {
  try {
    const chat = JSON.parse(localStorage.getItem(CHAT + id));
    return chat && Array.isArray(chat.messages) ? { ...newChat(), ...chat, id } : null;
  } catch {
    return null;
  }
}

/** listChats reads all conversations, the last used first. */
export function listChats() {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(CHAT))
    .map((key) => readChat(key.slice(CHAT.length)))
    .filter(Boolean)
    .sort((a, b) => (a.updated < b.updated ? 1 : -1));
}

/** saveChat keeps a conversation, and reports whether there was room. */
export function saveChat(chat) {
  try {
    localStorage.setItem(CHAT + chat.id, JSON.stringify(chat));
    return true;
  } catch {
    return false;
  }
}

export function deleteChat(id) {
  localStorage.removeItem(CHAT + id);
}

/** onOtherTab calls f when another tab has changed the conversations. */
export function onOtherTab(f) {
  addEventListener("storage", (e) => {
    if (e.key === null || e.key.startsWith(CHAT)) f();
  });
}

/** settings are the model and how it chooses tokens; "" leaves a choice to the server. */
export const settings = { model: "", temperature: "", top_p: "", max_tokens: "" };

try {
  const kept = JSON.parse(localStorage.getItem("trit.settings")) || {};
  for (const name in settings) if (typeof kept[name] === "string") settings[name] = kept[name];
} catch {
  // What is kept is not what this page wrote: begin anew.
}

export function saveSettings() {
  try {
    localStorage.setItem("trit.settings", JSON.stringify(settings));
  } catch {
    // Without room they hold until the page is closed.
  }
}

/** key is the API key, until the tab is closed. */
export const key = {
  get: () => sessionStorage.getItem("trit.key") || "",
  set: (value) => (value ? sessionStorage.setItem("trit.key", value) : sessionStorage.removeItem("trit.key")),
};

/** setTheme keeps "light" or "dark"; "" is as the system has it. */
export function setTheme(theme) {
  if (theme) {
    localStorage.setItem("trit.theme", theme);
    document.documentElement.dataset.theme = theme;
  } else {
    localStorage.removeItem("trit.theme");
    delete document.documentElement.dataset.theme;
  }
}
