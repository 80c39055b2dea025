// Shows the messages of a conversation.

import { copyButton, el, iconButton } from "./dom.js";
import { MarkdownView } from "./render.js";

/** UserView shows what the reader wrote, as it was written. */
export class UserView {
  constructor(message, { edit }) {
    this.element = el("article", { class: "message user", "aria-label": "You" },
      el("div", { class: "bubble", dir: "auto" }, message.content),
      el("div", { class: "tools" },
        copyButton("Copy the message", () => message.content),
        iconButton("edit", "Edit the message", () => edit(this))));
  }
}

/** AnswerView shows an answer, while it is written and after. */
export class AnswerView {
  #markdown = new MarkdownView();
  #thoughts = el("details", { class: "thoughts", hidden: true },
    el("summary"), el("div", { class: "thought", dir: "auto" }));
  #note = el("span", { class: "note" });
  #tools = el("div", { class: "tools" });
  #timer = 0;
  #cost = 0;

  constructor(message, { again, edit }) {
    this.message = message;
    this.#tools.append(
      copyButton("Copy the answer", () => message.content),
      iconButton("edit", "Edit the answer", () => edit(this)),
      iconButton("again", "Write the answer again", () => again(this)),
      this.#note);
    this.element = el("article", { class: "message answer", "aria-label": "Model" },
      this.#thoughts, this.#markdown.element, this.#tools);
    this.draw();
  }

  /**
   * grow shows what was added, soon. It waits three times as long as the last drawing took, layout
   * and all: a long text does not stop the page.
   */
  grow() {
    this.#timer ||= setTimeout(() => {
      const begin = performance.now();
      this.draw();
      requestAnimationFrame(() => setTimeout(() => (this.#cost = performance.now() - begin)));
      this.#timer = 0;
    }, Math.max(40, 3 * this.#cost));
  }

  draw() {
    const { content, thoughts, writing } = this.message;
    this.#thoughts.hidden = !thoughts;
    if (thoughts) {
      this.#thoughts.firstChild.textContent = writing && !content ? "Thinking …" : "Thoughts";
      this.#thoughts.lastChild.textContent = thoughts;
    }
    this.#markdown.show(content);
    this.element.classList.toggle("writing", Boolean(writing));
    this.#note.textContent = noteOf(this.message);
  }

  /** end shows the whole answer. */
  end() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.draw();
  }
}

/** noteOf says how the answer was made. */
function noteOf({ model, tokens, seconds, finish }) {
  const parts = [];
  if (model) parts.push(model);
  if (tokens) parts.push(`${tokens} ${tokens === 1 ? "token" : "tokens"}`);
  // What comes at once tells nothing of the speed.
  if (tokens > 1 && seconds > 0.2) parts.push(`${speed((tokens - 1) / seconds)} tokens/s`);
  if (finish === "length") parts.push("ended at the limit of tokens");
  if (finish === "stopped") parts.push("stopped");
  if (finish === "failed") parts.push("broke off");
  return parts.join(" · ");
}

const speed = (n) => (n < 10 ? n.toFixed(1) : String(Math.round(n)));

/** editor puts a field in the place of a message. done gets the new text, or null. */
export function editor(view, text, label, done) {
  const area = el("textarea", { "aria-label": label, rows: "1", dir: "auto" });
  area.value = text;
  const end = (value) => {
    form.replaceWith(view.element);
    done(value);
  };
  const form = el("form", {
    class: "editor",
    submit: (e) => {
      e.preventDefault();
      if (area.value.trim()) end(area.value);
    },
    keydown: (e) => {
      if (e.key === "Escape") {
        e.stopPropagation();
        end(null);
      } else if (isSend(e)) {
        e.preventDefault();
        form.requestSubmit();
      }
    },
  }, area, el("div", { class: "actions" },
    el("button", { type: "button", click: () => end(null) }, "Cancel"),
    el("button", { type: "submit", class: "main" }, label)));
  view.element.replaceWith(form);
  growing(area);
  area.focus();
}

/** isSend reports whether a key sends: Enter, but not the one that ends a word of an input method. */
export function isSend(e) {
  return e.key === "Enter" && !e.shiftKey && !e.isComposing;
}

/** growing makes a field as high as its text. It returns a function to call after a change. */
export function growing(area) {
  const fit = () => {
    area.style.height = "auto";
    area.style.height = area.scrollHeight + 2 + "px";
  };
  area.addEventListener("input", fit);
  fit();
  return fit;
}
