// Asks the reader something.

const $ = (id) => document.getElementById(id);

$("question-no").addEventListener("click", () => $("question").close());

/**
 * question asks for a yes, or for a text if value is given. It returns the text, true or, if the
 * reader cancels, null.
 */
export function question({ title, text = "", yes, value, secret = false, danger = false }) {
  const dialog = $("question");
  const input = $("question-input");
  $("question-title").textContent = title;
  $("question-text").textContent = text;
  $("question-yes").textContent = yes;
  $("question-yes").classList.toggle("danger", danger);
  input.hidden = value === undefined;
  input.type = secret ? "password" : "text";
  input.setAttribute("aria-label", title);
  input.value = value ?? "";
  dialog.returnValue = "";
  dialog.showModal();
  (input.hidden ? $("question-no") : input).focus();
  input.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") resolve(null);
      else resolve(input.hidden ? true : input.value);
    }, { once: true });
  });
}
