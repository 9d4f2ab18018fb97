// Parts of the page as the server shows them now: fetched as the whole page, exchanged by id, so that there is one way to draw a row.
import htmx from "htmx.org";

/** Puts the elements with these ids in place of the page's own; what was not there before arrives with a glow. */
export async function refresh(url: string, ids: readonly string[], signal?: AbortSignal): Promise<void> {
  const answer = await fetch(url, { headers: { accept: "text/html" }, ...(signal ? { signal } : {}) });
  if (answer.redirected) location.assign(answer.url); // signed out meanwhile
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ids) {
    const now = document.getElementById(id);
    const then = fresh.getElementById(id);
    if (!now || !then) continue;
    const known = new Set([...now.querySelectorAll<HTMLElement>("[data-id]")].map((row) => row.dataset["id"]));
    for (const row of then.querySelectorAll<HTMLElement>("[data-id]")) {
      if (known.size && !known.has(row.dataset["id"])) row.classList.add("arrived");
    }
    now.replaceWith(document.adoptNode(then));
    htmx.process(then);
  }
  document.dispatchEvent(new CustomEvent("headrace:fresh"));
}
