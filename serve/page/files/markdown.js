// Reads Markdown: parse gives a tree of plain objects, which hold text alone. HTML is text like
// any other. What a model writes may be long and mean, so every step is bounded.

const MAX_DEPTH = 8; // of lists and quotes
const MAX_INLINE = 20000; // characters of a block in which marks are looked for
const MAX_MARKS = 16; // marks around a text, such as strong in a link
const MAX_CELLS = 5000; // of a table
const MAX_TEXT = 200000; // characters; a longer text is shown as it is

const FENCE = /^( {0,3})(`{3,}|~{3,})(.*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])( {1,4}(?=\S)|[ \t]*$| )/;
const DELIMITERS = /^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?$/;

/**
 * parse reads a text. Each block has a type and raw, its source: blocks of an earlier state of the
 * text with the same raw are the same.
 */
export function parse(text) {
  if (text.length > MAX_TEXT) return [{ type: "paragraph", children: [text], raw: text }];
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

function blocks(lines, depth) {
  const out = [];
  for (let at = 0; at < lines.length; ) {
    if (isBlank(lines[at])) {
      at++;
      continue;
    }
    const [block, end] = nextBlock(lines, at, depth);
    block.raw = lines.slice(at, end).join("\n");
    out.push(block);
    at = end;
  }
  return out;
}

/** nextBlock reads the block that begins at a line, and says where it ends. */
function nextBlock(lines, at, depth) {
  const line = lines[at];
  if (line.length <= MAX_INLINE) {
    let m;
    if ((m = fence(line))) return code(lines, at, m);
    if ((m = HEADING.exec(line))) {
      return [{ type: "heading", level: m[1].length, children: inline(withoutHashes(m[2])) }, at + 1];
    }
    if (RULE.test(line)) return [{ type: "rule" }, at + 1];
    if (depth < MAX_DEPTH) {
      if (QUOTE.test(line)) return quote(lines, at, depth);
      if (ITEM.test(line)) return list(lines, at, depth);
    }
    if (isTable(lines, at)) return table(lines, at);
  }
  return paragraph(lines, at, depth);
}

/** fence matches the first line of a code block. */
function fence(line) {
  const m = FENCE.exec(line);
  return m && !(m[2][0] === "`" && m[3].includes("`")) ? m : null;
}

/** withoutHashes takes away the hashes that may end a heading. */
function withoutHashes(text) {
  text = text.trim();
  let end = text.length;
  while (text[end - 1] === "#") end--;
  return end === 0 || text[end - 1] === " " ? text.slice(0, end).trim() : text;
}

const isBlank = (line) => line.trim() === "";
const indentOf = (line) => line.length - line.trimStart().length;

/** begins reports whether a line begins a block in the middle of a paragraph. */
function begins(lines, at, depth) {
  const line = lines[at];
  if (line.length > MAX_INLINE) return false;
  if (fence(line) || HEADING.test(line) || RULE.test(line) || isTable(lines, at)) return true;
  if (depth >= MAX_DEPTH) return false;
  // A number at the begin of a line may be a year: of ordered lists, those from 1 on.
  const item = ITEM.exec(line);
  return QUOTE.test(line) || (item && item[0].length < line.length && !/^\d{2}|^[02-9]/.test(item[2]));
}

function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !begins(lines, end, depth)) end++;
  return [{ type: "paragraph", children: inline(lines.slice(at, end).map((l) => l.trim()).join("\n")) }, end];
}

/** code reads a fence, up to its end or, while it is being written, to that of the text. */
function code(lines, at, [, indent, marks, info]) {
  const language = info.trim().split(/\s/)[0];
  const text = [];
  let end = at + 1;
  for (; end < lines.length; end++) {
    const line = lines[end].trim();
    if (line.startsWith(marks) && line === marks[0].repeat(line.length)) {
      return [{ type: "code", language, text: text.join("\n") }, end + 1];
    }
    text.push(lines[end].slice(Math.min(indent.length, indentOf(lines[end]))));
  }
  return [{ type: "code", language, text: text.join("\n") }, end];
}

function quote(lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end++;
  const inner = lines.slice(at, end).map((l) => l.replace(QUOTE, ""));
  return [{ type: "quote", children: blocks(inner, depth + 1) }, end];
}

/** list reads items with marks of one kind. */
function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  const ordered = first[2].length > 1;
  const block = { type: "list", ordered, start: ordered ? parseInt(first[2], 10) : 1, items: [] };
  while (at < lines.length) {
    const m = ITEM.exec(lines[at]);
    if (!m || RULE.test(lines[at]) || (m[2].length > 1) !== ordered || m[1].length > first[1].length + 1) break;
    const end = itemEnd(lines, at, m[1].length, depth);
    const width = m[0].length;
    const inner = lines.slice(at, end).map((l, i) => l.slice(i === 0 ? width : Math.min(width, indentOf(l))));
    block.items.push(blocks(inner, depth + 1));
    at = end;
    let next = at;
    while (next < lines.length && isBlank(lines[next])) next++;
    if (next < lines.length && ITEM.test(lines[next]) && indentOf(lines[next]) <= first[1].length + 1) at = next;
  }
  return [block, at];
}

/**
 * itemEnd finds the end of an item: what is indented by two or more belongs to it, and so does a
 * line that goes on with its paragraph.
 */
function itemEnd(lines, at, indent, depth) {
  let end = at + 1;
  for (let i = at + 1; i < lines.length; i++) {
    if (isBlank(lines[i])) continue;
    const inside = indentOf(lines[i]) >= indent + 2;
    if (!inside && (isBlank(lines[i - 1]) || ITEM.test(lines[i]) || begins(lines, i, depth))) break;
    end = i + 1;
  }
  return end;
}

function isTable(lines, at) {
  const next = lines[at + 1];
  return next !== undefined && next.length <= MAX_INLINE && lines[at].includes("|") && next.includes("-") &&
    DELIMITERS.test(next.trim()) && cells(lines[at]).length === cells(next).length;
}

/** cells splits a row at its bars, but not at those with a backslash. */
function cells(row) {
  row = row.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return row.split(/(?<!\\)\|/).map((c) => c.trim().replaceAll("\\|", "|"));
}

/** table reads a table; one with very many cells ends there and goes on as text. */
function table(lines, at) {
  const align = cells(lines[at + 1]).map((c) => (c.endsWith(":") ? (c.startsWith(":") ? "center" : "right") : "left"));
  const rows = [];
  let end = at;
  while (end < lines.length && !isBlank(lines[end]) && (end === at || lines[end].includes("|"))) {
    if (lines[end].length > MAX_INLINE || rows.length * align.length > MAX_CELLS) break;
    if (end !== at + 1) rows.push(align.map((_, i) => inline(cells(lines[end])[i] ?? "")));
    end++;
  }
  return [{ type: "table", align, rows }, Math.max(end, at + 2)];
}

const ESCAPABLE = /[!-/:-@[-`{-~]/;
const SPECIAL = /[\\`*_~<[!h]/g;

/** inline reads the marks in a text. Nodes are texts, or objects with a type. */
export function inline(text, linked = false) {
  if (text.length > MAX_INLINE) return [text];
  return emphasize(tokens(text, linked));
}

function tokens(text, linked) {
  const out = [];
  const unclosed = new Set(); // lengths of backticks that nothing closes any more
  let from = 0;
  for (let at = 0; at < text.length; ) {
    SPECIAL.lastIndex = at;
    const m = SPECIAL.exec(text);
    if (!m) break;
    at = m.index;
    const [node, end] = token(text, at, linked, unclosed);
    if (node !== undefined) {
      if (at > from) out.push(text.slice(from, at));
      out.push(node);
      from = end;
    }
    at = end;
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

/** token reads what begins at a special character: a node, or undefined if it is text. */
function token(text, at, linked, unclosed) {
  switch (text[at]) {
    case "\\":
      return ESCAPABLE.test(text[at + 1] ?? "") ? [text[at + 1], at + 2] : [undefined, at + 1];
    case "`":
      return codeSpan(text, at, unclosed);
    case "[":
    case "!":
      return linked ? [undefined, at + 1] : link(text, at);
    case "<":
    case "h":
      return linked ? [undefined, at + 1] : bareLink(text, at);
  }
  return mark(text, at);
}

function runEnd(text, at) {
  let end = at + 1;
  while (text[end] === text[at]) end++;
  return end;
}

function codeSpan(text, at, unclosed) {
  const begin = runEnd(text, at);
  const length = begin - at;
  if (!unclosed.has(length)) {
    for (let i = text.indexOf("`", begin); i >= 0; ) {
      const end = runEnd(text, i);
      if (end - i === length) {
        const inside = text.slice(begin, i).replaceAll("\n", " ").replace(/^ (.*\S.*) $/, "$1");
        return [{ type: "codespan", text: inside }, end];
      }
      i = text.indexOf("`", end);
    }
    unclosed.add(length);
  }
  return [undefined, begin];
}

/** address is a safe address of a link, or null: http and https without a name or password. */
function address(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  const safe = (url.protocol === "http:" || url.protocol === "https:") && url.username + url.password === "";
  return safe && /^https?:\/\//i.test(text) ? url : null;
}

const linkNode = (url, children) => ({ type: "link", href: url.href, host: url.host, children });

/** link reads [text](address "title"). An image is a link to it; what is no safe link is text. */
function link(text, at) {
  const open = text[at] === "!" ? at + 1 : at;
  if (text[open] !== "[") return [undefined, at + 1];
  const close = closing(text, open, "[", "]", 1000);
  if (close < 0 || text[close + 1] !== "(") return [undefined, open + 1];
  const end = closing(text, close + 1, "(", ")", 2000);
  if (end < 0) return [undefined, open + 1];
  const target = text.slice(close + 2, end).trim().replace(/\s+["'(][^]*$/, "").replace(/^<([^]*)>$/, "$1");
  const url = address(target);
  if (!url) return [text.slice(at, end + 1), end + 1];
  return [linkNode(url, inline(text.slice(open + 1, close) || target, true)), end + 1];
}

/** closing finds the bracket that closes the one at a place, not further than limit. */
function closing(text, at, open, close, limit) {
  let depth = 0;
  for (let i = at; i < text.length && i < at + limit; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === open) depth++;
    else if (text[i] === close && --depth === 0) return i;
  }
  return -1;
}

const BARE = /<?(https?:\/\/[^\s<>"`]{1,2000})(>?)/y;

/** bareLink reads an address that stands in the text. */
function bareLink(text, at) {
  BARE.lastIndex = at;
  const m = BARE.exec(text);
  if (!m || /\w/.test(text[at - 1] ?? "")) return [undefined, at + 1];
  const whole = text[at] === "<" && m[2] === ">";
  let target = whole ? m[1] : m[1].replace(/[.,;:!?'*_~)\]]+$/, "");
  if (target.includes("(") && m[1][target.length] === ")") target += ")";
  const url = address(target);
  if (!url) return [undefined, at + 1];
  if (whole) return [linkNode(url, [target]), at + m[0].length];
  if (text[at] === "<") return [undefined, at + 1];
  return [linkNode(url, [target]), at + target.length];
}

const isSpace = (c) => c === undefined || /\s/.test(c);
const isWord = (c) => c !== undefined && /[\p{L}\p{N}]/u.test(c);

/** mark reads a run of *, _ or ~, which may open or close emphasis. */
function mark(text, at) {
  const end = runEnd(text, at);
  const [before, after, char] = [text[at - 1], text[end], text[at]];
  const open = !isSpace(after) && (char === "*" || !isWord(before));
  const close = !isSpace(before) && (char === "*" || !isWord(after));
  if ((!open && !close) || (char === "~" && end - at !== 2)) return [undefined, end];
  return [{ type: "mark", char, count: end - at, open, close }, end];
}

/** emphasize pairs marks. Those that are left over are text. */
function emphasize(list) {
  const out = [];
  const opened = { "*": 0, _: 0, "~": 0 };
  for (const node of list) {
    if (node.type !== "mark") {
      out.push(node);
      continue;
    }
    while (node.close && node.count > 0 && opened[node.char] > 0 && pair(out, opened, node));
    if (node.count === 0) continue;
    if (node.open) opened[node.char]++;
    out.push(node);
  }
  return texts(out);
}

/** pair puts what stands after the last open mark of a kind into one node. */
function pair(out, opened, mark) {
  const at = out.findLastIndex((n) => n.type === "mark" && n.open && n.char === mark.char);
  const opener = out[at];
  const inside = out.slice(at + 1);
  const depth = 1 + Math.max(0, ...inside.map((n) => n.depth ?? 0));
  if (inside.length === 0 || depth > MAX_MARKS) return false;
  for (const n of inside) if (n.type === "mark" && n.open) opened[n.char]--;
  const count = Math.min(opener.count, mark.count, 2);
  const type = mark.char === "~" ? "deleted" : count === 2 ? "strong" : "emphasis";
  out.length = at + 1;
  opener.count -= count;
  mark.count -= count;
  if (opener.count === 0) {
    out.pop();
    opened[mark.char]--;
  }
  out.push({ type, depth, children: texts(inside) });
  return true;
}

/** texts turns marks that are left over into text, and joins texts. */
function texts(list) {
  const out = [];
  for (const node of list) {
    const text = node.type === "mark" ? node.char.repeat(node.count) : node;
    if (typeof text === "string" && typeof out.at(-1) === "string") out[out.length - 1] += text;
    else out.push(text);
  }
  return out;
}
