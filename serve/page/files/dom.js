// Makes elements. Text becomes text nodes, never HTML.

/**
 * el makes an element. props are its attributes; a function is a listener of the event of its name,
 * true is an attribute without a value, and false, null or undefined is none. children are nodes,
 * texts, lists of them, or null.
 */
export function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") e.addEventListener(name, value);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value != null) e.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child != null) e.append(child);
  return e;
}

const SVG = "http://www.w3.org/2000/svg";

/** icon draws a symbol of index.html. Screen readers skip it: what holds it has a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", "#i-" + name);
  svg.append(use);
  return svg;
}

/** iconButton is a button without text. */
export function iconButton(name, label, click) {
  return el("button", { type: "button", class: "quiet", title: label, "aria-label": label, click }, icon(name));
}

/** copy puts a text on the clipboard, and reports whether it could. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers have a clipboard on https and localhost alone; elsewhere there is the old way.
    const area = el("textarea", { class: "offscreen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** copyButton copies what text() returns and says so for a moment. */
export function copyButton(label, text) {
  const b = iconButton("copy", label, async () => {
    const done = await copy(text());
    b.replaceChildren(icon(done ? "check" : "cross"));
    setTimeout(() => b.replaceChildren(icon("copy")), 1500);
  });
  return b;
}
