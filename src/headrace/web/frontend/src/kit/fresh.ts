// Parts of the page as the server shows them now: fetched as the whole page, exchanged by id, so that there is one way to draw a row.
import htmx from "htmx.org";

/** Attributes that belong to the page that is open: what is unfolded, and what htmx has noted. */
const OWN: readonly string[] = ["open", "data-htmx-powered"];

/** Brings the elements with these ids up to date, unless `wanted` says that the page has something else in hand by then; a line that was
 *  not there before arrives with a glow. Nobody is told: whoever listens to the page instead of seeing it reads on. */
export async function refresh(url: string, ids: readonly string[], wanted: () => boolean): Promise<void> {
  const answer = await fetch(url, { headers: { accept: "text/html" } });
  if (answer.redirected) location.assign(answer.url); // signed out meanwhile
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!wanted()) return;
  for (const id of ids) {
    const now = document.getElementById(id);
    const then = fresh.getElementById(id);
    if (now && then) put(now, document.adoptNode(then));
  }
  document.dispatchEvent(new CustomEvent("headrace:fresh"));
}

/** With the same lines as before only what differs changes: no place moves or loses the focus. */
function put(now: HTMLElement, then: HTMLElement): void {
  const known = lines(now);
  const next = lines(then);
  if (known.length === next.length && known.every((line, at) => line === next[at])) {
    amend(now, then);
    return;
  }
  for (const row of then.querySelectorAll<HTMLElement>("[data-id]")) {
    if (known.length && !known.includes(row.dataset["id"])) row.classList.add("arrived");
  }
  const focused = now.contains(document.activeElement) ? address(document.activeElement as HTMLElement) : "";
  keep(now, then);
  now.replaceWith(then);
  htmx.process(then);
  if (focused) then.querySelector<HTMLElement>(focused)?.focus({ preventScroll: true });
}

/** Makes `now` like `then`, place by place. htmx's own way matches what is equal wherever it stands, and so moves equal cells about. */
function amend(now: Element, then: Element): void {
  for (const { name, value } of then.attributes) if (now.getAttribute(name) !== value && !OWN.includes(name)) now.setAttribute(name, value);
  for (const { name } of [...now.attributes]) if (!then.hasAttribute(name) && !OWN.includes(name)) now.removeAttribute(name);
  if (now.hasAttribute("hx-morph-skip-children")) return;
  const [before, after] = [[...now.childNodes], [...then.childNodes]];
  if (before.length !== after.length || before.some((one, at) => one.nodeName !== after[at]?.nodeName)) {
    now.replaceChildren(...after);
    htmx.process(now);
    return;
  }
  before.forEach((one, at) => {
    const other = after[at];
    if (one instanceof Element && other instanceof Element) amend(one, other);
    else if (other && one.nodeValue !== other.nodeValue) one.nodeValue = other.nodeValue;
  });
}

const lines = (of: HTMLElement) => [...of.querySelectorAll<HTMLElement>("[data-id]")].map((row) => row.dataset["id"]);

/** What somebody has chosen and unfolded. */
function keep(now: HTMLElement, then: HTMLElement): void {
  for (const { value } of now.querySelectorAll<HTMLInputElement>("input[type=checkbox]:checked")) {
    const box = then.querySelector<HTMLInputElement>(`input[type=checkbox][value="${CSS.escape(value)}"]`);
    if (box) box.checked = true;
  }
  const unfolded = [...now.querySelectorAll("details")];
  then.querySelectorAll("details").forEach((one, at) => (one.open = unfolded[at]?.open ?? false));
}

/** How to find the link or box of a line again. */
function address(element: HTMLElement): string {
  const line = element.closest<HTMLElement>("[data-id]")?.dataset["id"];
  return line ? `[data-id="${CSS.escape(line)}"] ${element.tagName.toLowerCase()}` : "";
}
