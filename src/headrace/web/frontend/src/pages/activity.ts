// A record opens beside its list; Escape closes it, and the line that it was opened from has the focus again.

const opened = () => document.querySelector<HTMLElement>("#results tr[aria-selected]");

let line = "";

document.addEventListener("htmx:before:swap", () => (line = opened()?.dataset["id"] ?? line));
document.addEventListener("htmx:after:swap", () => {
  const detail = document.getElementById("detail");
  if (detail && opened()?.dataset["id"] !== line && getComputedStyle(detail).position === "static") detail.scrollIntoView();
  if (!detail && line && document.activeElement === document.body) {
    document.querySelector<HTMLElement>(`#results tr[data-id="${CSS.escape(line)}"] a`)?.focus({ preventScroll: true });
  }
});
// On the way down: a menu or a dialog that the same key closes is still open then.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open], details.menu[open], :popover-open")) return;
  if (event.target instanceof HTMLInputElement && event.target.value) return; // empties the field
  document.querySelector<HTMLElement>("a[data-close]")?.click();
}, { capture: true });
