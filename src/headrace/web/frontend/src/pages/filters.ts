// Lists that are narrowed by a form above them: what is chosen or typed shows at once and goes into the URL.
import { refresh } from "../kit/fresh";
import { isLive } from "../kit/live";

/** How long a pause while typing must be, ms. */
const PAUSE_MS = 250;

let pause: ReturnType<typeof setTimeout> | undefined;
let asked: AbortController | undefined;

// On the document: the list that a form stands above may be exchanged with its form.
const filters = (event: Event) => (event.target instanceof Element ? event.target.closest<HTMLFormElement>("form[data-filters]") : null);
document.addEventListener("input", (event) => {
  const form = filters(event);
  if (!form) return;
  const typed = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  clearTimeout(pause);
  pause = setTimeout(() => void show(form), typed ? PAUSE_MS : 0);
});
document.addEventListener("submit", (event) => {
  const form = filters(event);
  if (!form) return;
  event.preventDefault();
  clearTimeout(pause);
  void show(form);
});
addEventListener("popstate", () => location.reload());

// A record opens beside its list without the list moving.
document.addEventListener("click", async (event) => {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("#results tbody a, #results a[data-close]") : null;
  if (!link || link.pathname !== location.pathname || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const opener = document.querySelector<HTMLElement>("#results tr[aria-selected]")?.dataset["id"];
  await go(new URL(link.href));
  const row = link.closest("tr")?.dataset["id"] ?? opener ?? "";
  document.querySelector<HTMLElement>(`#results tr[data-id="${CSS.escape(row)}"] a`)?.focus({ preventScroll: true });
});

async function show(form: HTMLFormElement): Promise<void> {
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && value !== "") url.searchParams.append(name, value);
  await go(url, form.dataset["filters"]);
}

/** Shows what is at `url` in the place `id`, and makes it the page's address. */
async function go(url: URL, id = "results"): Promise<void> {
  asked?.abort();
  asked = new AbortController();
  if (isLive()) url.searchParams.set("live", "1"); // switched on after the form was drawn
  else url.searchParams.delete("live");
  history.pushState(null, "", url);
  try {
    await refresh(url.href, [id, "range", "page-foot"], asked.signal);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}
