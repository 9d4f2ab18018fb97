// The command palette: every page and project, what the frame's buttons do, and the project's stats by name.
import { element, prefix } from "./page";

interface Entry {
  text: string;
  note: string;
  go: () => void;
}

/** Stats asked for while typing, and how long a pause must be, ms. */
const STATS = 8;
const PAUSE_MS = 150;

let entries: Entry[] = [];
let shown: Entry[] = [];
let selected = 0;
let asked: AbortController | undefined;
let pause: ReturnType<typeof setTimeout> | undefined;

const dialog = () => document.querySelector<HTMLDialogElement>("dialog.palette");

export function openPalette(): void {
  const found = dialog();
  if (!found || found.open) return;
  const input = found.querySelector("input");
  if (!input) return;
  entries = collect();
  input.value = "";
  found.showModal();
  render(match(""));
}

export function startPalette(): void {
  const found = dialog();
  const input = found?.querySelector("input");
  if (!found || !input) return;
  input.addEventListener("input", () => {
    const query = input.value.trim();
    render(match(query));
    clearTimeout(pause);
    asked?.abort();
    if (query) pause = setTimeout(() => void askStats(query), PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || (event.ctrlKey && event.key === "n")) select(selected + 1);
    else if (event.key === "ArrowUp" || (event.ctrlKey && event.key === "p")) select(selected - 1);
    else if (event.key === "Enter") go(shown[selected]);
    else return;
    event.preventDefault();
  });
  found.addEventListener("click", (event) => {
    const item = event.target instanceof Element ? event.target.closest<HTMLElement>("li") : null;
    if (item) go(shown[Number(item.dataset["at"])]);
    else if (event.target === found) found.close();
  });
}

/** What the frame's links and buttons do. */
function collect(): Entry[] {
  return [...document.querySelectorAll<HTMLElement>("[data-entry]")].map((one) => ({
    text: one.dataset["entry"] ?? "",
    note: one.dataset["note"] ?? "",
    go: () => one.click(),
  }));
}

function match(query: string): Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return entries
    .filter((one) => words.every((word) => `${one.text} ${one.note}`.toLowerCase().includes(word)))
    .sort((a, b) => rank(a, query) - rank(b, query));
}

/** Names that begin with what was typed come first. */
function rank(entry: Entry, query: string): number {
  return entry.text.toLowerCase().startsWith(query.toLowerCase()) ? 0 : 1;
}

async function askStats(query: string): Promise<void> {
  const base = document.documentElement.dataset["project"];
  if (!base) return;
  asked = new AbortController();
  try {
    const url = `${prefix}/app/p/${encodeURIComponent(base)}/stats`;
    const answer = await fetch(`${url}.json?q=${encodeURIComponent(query)}&limit=${STATS}`, { signal: asked.signal });
    if (!answer.ok) return;
    const found = (await answer.json()) as { stats?: { id: string; name: string }[] };
    const stats = (found.stats ?? []).slice(0, STATS).map((one) => ({ text: one.name, note: "Stat", go: () => location.assign(`${url}/${one.id}`) }));
    render([...match(query), ...stats]);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

function render(found: Entry[]): void {
  const list = dialog()?.querySelector("ul");
  if (!list) return;
  shown = found;
  list.replaceChildren(
    ...found.map((entry, at) => {
      const item = element("li");
      item.id = `palette-${at}`;
      item.setAttribute("role", "option");
      item.dataset["at"] = String(at);
      item.append(element("span", entry.text), element("small", entry.note));
      return item;
    }),
  );
  const none = dialog()?.querySelector<HTMLElement>(".none");
  if (none) none.hidden = found.length > 0;
  list.hidden = found.length === 0;
  select(0);
}

function select(at: number): void {
  const items = [...(dialog()?.querySelectorAll("li") ?? [])];
  selected = items.length ? (at + items.length) % items.length : 0;
  items.forEach((item, index) => item.setAttribute("aria-selected", String(index === selected)));
  items[selected]?.scrollIntoView({ block: "nearest" });
  const input = dialog()?.querySelector("input");
  if (items.length) input?.setAttribute("aria-activedescendant", `palette-${selected}`);
  else input?.removeAttribute("aria-activedescendant");
}

function go(entry: Entry | undefined): void {
  if (!entry) return;
  dialog()?.close();
  entry.go();
}
