// Draws the tree of markdown.js. Elements and attributes come from this file alone; what the model
// wrote becomes text, and the addresses of links, which markdown.js has checked.

import { parse } from "./markdown.js";
import { copyButton, el } from "./dom.js";

const INLINE = {
  strong: "strong",
  emphasis: "em",
  deleted: "del",
};

function drawInline(nodes) {
  return nodes.map((n) => {
    if (typeof n === "string") return n;
    if (n.type === "codespan") return el("code", { dir: "auto" }, visible(n.text));
    if (n.type === "link") return drawLink(n);
    return el(INLINE[n.type], {}, drawInline(n.children));
  });
}

/** drawLink says where a link leads, unless its text does. */
function drawLink({ href, host, children }) {
  const a = el("a", { href, title: href, target: "_blank", rel: "noopener noreferrer nofollow" }, drawInline(children));
  const bare = children.length === 1 && /^https?:\/\//.test(children[0]);
  return el("bdi", {}, a, bare ? null : el("span", { class: "host" }, ` (${host})`));
}

const BIDI = /([\u202a-\u202e\u2066-\u2069])/;

/** visible shows characters that turn the order of others around: in code they are a trap. */
function visible(text) {
  return text.split(BIDI).map((part, i) =>
    i % 2 ? el("span", { class: "bidi" }, "U+" + part.codePointAt(0).toString(16).toUpperCase()) : part);
}

const BLOCK = {
  paragraph: (b) => el("p", { dir: "auto" }, drawInline(b.children)),
  // The page's own headings are the first and second level.
  heading: (b) => el("h" + Math.min(b.level + 2, 6), { dir: "auto" }, drawInline(b.children)),
  rule: () => el("hr"),
  quote: (b) => el("blockquote", {}, b.children.map(drawBlock)),
  list: (b) => el(b.ordered ? "ol" : "ul", b.start !== 1 ? { start: b.start } : {}, b.items.map(drawItem)),
  code: drawCode,
  table: drawTable,
};

function drawBlock(b) {
  return BLOCK[b.type](b);
}

/** drawItem draws an item; a single paragraph needs no space of its own. */
function drawItem(blocks) {
  const [first, ...rest] = blocks;
  if (first?.type !== "paragraph") return el("li", {}, blocks.map(drawBlock));
  return el("li", { dir: "auto" }, drawInline(first.children), rest.map(drawBlock));
}

function drawCode({ language, text }) {
  return el("div", { class: "code" },
    el("div", { class: "code-head" }, el("span", {}, language || "text"), copyButton("Copy the code", () => text)),
    el("pre", { tabindex: "0", "aria-label": "Code" }, el("code", {}, visible(text))));
}

function drawTable({ align, rows }) {
  const row = (cells, tag) =>
    el("tr", {}, cells.map((c, i) => el(tag, { class: align[i], dir: "auto" }, drawInline(c))));
  return el("div", { class: "table", role: "region", tabindex: "0", "aria-label": "Table" },
    el("table", {},
      el("thead", {}, row(rows[0], "th")),
      el("tbody", {}, rows.slice(1).map((r) => row(r, "td")))));
}

/**
 * MarkdownView shows a text that grows. Blocks that stay as they were keep their elements, and
 * with them what the reader has selected. A text that defeats the renderer is shown as it is.
 */
export class MarkdownView {
  element = el("div", { class: "markdown" });
  #raws = [];

  show(text) {
    try {
      this.#draw(parse(text));
    } catch (e) {
      console.error(e);
      this.#raws = [];
      this.element.replaceChildren(el("p", {}, text));
    }
  }

  #draw(blocks) {
    let same = 0;
    while (same < blocks.length && blocks[same].raw === this.#raws[same]) same++;
    while (this.element.children.length > same) this.element.lastChild.remove();
    for (const b of blocks.slice(same)) this.element.append(drawBlock(b));
    this.#raws = blocks.map((b) => b.raw);
  }
}
