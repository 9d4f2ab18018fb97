// Keys everywhere: "g" and a letter go to a page, j and k move through a list, x chooses a line, "/" searches, "?" shows all of it.
// Single keys can be switched off (WCAG 2.1.4): people who speak to their computer press them by accident.
import { openPalette } from "./palette";
import { isTyping } from "./page";

const OFF = "headrace-keys-off";
/** The second key of "g" and a letter follows within this time. */
const CHORD_MS = 1_200;

let chordUntil = 0;

export function startKeys(): void {
  const help = document.querySelector<HTMLDialogElement>("dialog.keys-help");
  const choice = help?.querySelector<HTMLInputElement>("input[type=checkbox]");
  if (choice) {
    choice.checked = localStorage.getItem(OFF) === null;
    choice.addEventListener("change", () => (choice.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  }
  document.querySelector("[data-keys-help]")?.addEventListener("click", () => help?.showModal());
  const search = document.querySelector("[data-palette]");
  search?.addEventListener("click", () => openPalette());
  const shown = search?.querySelector("kbd");
  if (shown && /Mac|iPhone|iPad/.test(navigator.platform)) shown.textContent = "⌘ K";
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    const busy = event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]");
    if (busy || localStorage.getItem(OFF) !== null) return;
    if (single(event.key, help)) event.preventDefault();
  });
}

function single(key: string, help: HTMLDialogElement | null): boolean {
  if (Date.now() < chordUntil) {
    chordUntil = 0;
    const link = document.querySelector<HTMLAnchorElement>(`a[data-go="${CSS.escape(key)}"]`);
    link?.click();
    return link !== null;
  }
  if (key === "g") chordUntil = Date.now() + CHORD_MS;
  else if (key === "?") help?.showModal();
  else if (key === "/") searchHere();
  else if (key === "j") move(1);
  else if (key === "k") move(-1);
  else if (key === "x") document.activeElement?.closest("[data-list] tr")?.querySelector<HTMLElement>("input[type=checkbox]")?.click();
  else return false;
  return true;
}

/** The page's own search field if it has one, else the palette. */
function searchHere(): void {
  const field = document.querySelector<HTMLInputElement>("main input[type=search]");
  if (field) {
    field.focus();
    field.select();
  } else openPalette();
}

/** To the next or previous link of the list: the first link of each row. */
function move(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>("[data-list] tbody tr")]
    .map((row) => row.querySelector<HTMLElement>("a, button"))
    .filter((one) => one !== null);
  const row = document.activeElement?.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
