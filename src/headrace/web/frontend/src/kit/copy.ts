// Buttons that copy the text of an element: <button data-copy="id">.
import { announce } from "./page";

const SHOWN_MS = 2_000;

export function startCopy(): void {
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("button[data-copy]") : null;
    const source = button && document.getElementById(button.dataset["copy"] ?? "");
    if (!button || !source) return;
    const text = source instanceof HTMLInputElement ? source.value : (source.textContent ?? "");
    const done = (await write(text)) ? "Copied" : "Select it and press Ctrl C";
    const label = button.dataset["label"] ?? button.textContent ?? "";
    button.dataset["label"] = label;
    button.textContent = done;
    announce(done);
    setTimeout(() => (button.textContent = label), SHOWN_MS);
  });
}

/** Plain http has no clipboard API: there the old way. */
async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
