// Shows the list of conversations.

import { el, iconButton } from "./dom.js";
import { question } from "./dialogs.js";
import { deleteChat, listChats, readChat, saveChat } from "./store.js";

const list = document.getElementById("chats");

export const titleOf = (chat) => chat.title || "New chat";

/**
 * showChats draws the list. on.open(id) opens a conversation, on.changed(id) and on.gone(id) hear
 * that one has another name or was deleted.
 */
export function showChats(current, on) {
  list.replaceChildren(...listChats().map((chat) => {
    const name = titleOf(chat);
    return el("li", { class: chat.id === current ? "current" : null },
      el("button", {
        type: "button", class: "chat", dir: "auto", title: name, "aria-current": chat.id === current ? "page" : null,
        click: () => on.open(chat.id),
      }, name),
      el("span", { class: "tools" },
        iconButton("edit", "Rename " + name, () => rename(chat.id, on)),
        iconButton("save", "Export " + name, () => exportChat(chat.id)),
        iconButton("trash", "Delete " + name, () => remove(chat.id, on))));
  }));
}

async function rename(id, on) {
  const chat = readChat(id);
  const title = await question({ title: "Rename the conversation", yes: "Rename", value: titleOf(chat) });
  if (!title?.trim()) return;
  saveChat({ ...readChat(id), title: title.trim() });
  on.changed(id);
}

async function remove(id, on) {
  const yes = await question({
    title: "Delete the conversation?", text: `“${titleOf(readChat(id))}” will be gone for good.`,
    yes: "Delete", danger: true,
  });
  if (!yes) return;
  deleteChat(id);
  on.gone(id);
}

/** exportChat gives a conversation to the reader as a file. */
function exportChat(id) {
  const { title, created, updated, system, messages } = readChat(id);
  const json = JSON.stringify({ title, created, updated, system, messages }, null, 2);
  const url = URL.createObjectURL(new Blob([json], { type: "application/json" }));
  const name = title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 60) || "conversation";
  el("a", { href: url, download: name + ".json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
