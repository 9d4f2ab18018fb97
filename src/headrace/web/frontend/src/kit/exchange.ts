// What htmx exchanges: links and forms with hx-get replace the page's content by that of their address. The elements that stay are
// morphed, so a field that is typed into, a line that has the focus and what was unfolded stay as they are.
import htmx from "htmx.org";
import { isLive } from "./live";
import { announce, csrf, element } from "./page";

/** The attributes of templates/frame.html, for addresses that a script makes. */
const EXCHANGE = { target: "#content", select: "#content", selectOOB: "#page-foot,#range,#places:outerMorph", swap: "outerMorph", push: "true" };

/** Shows the page at `url`, which is this one with other parameters. */
export function exchange(url: URL): void {
  void htmx.ajax("GET", url.pathname + url.search, EXCHANGE);
}

export function startExchange(): void {
  document.addEventListener("htmx:config:request", (event) => {
    const { request } = event.detail.ctx;
    request.headers["X-CSRF-Token"] = csrf;
    if (request.method === "GET") tidy(request);
  });
  // A menu is drawn anew with what it leads to: its button has the focus then.
  let menu = "";
  document.addEventListener("htmx:before:swap", (event) => {
    menu = event.detail.ctx.sourceElement?.closest("details.menu")?.id ?? "";
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-filters]")) settle(form);
    if (menu) document.querySelector<HTMLElement>(`#${menu} > summary`)?.focus();
    announce(document.querySelector(".pager > span")?.textContent ?? "");
  });
  document.addEventListener("htmx:error", () => {
    if (document.querySelector(".notice.unanswered")) return;
    const notice = element("div", "", "notice bad unanswered"); // the next answer takes it away
    notice.setAttribute("role", "alert");
    notice.append(element("p", "The server does not answer: what you see is from before. Try again."));
    document.getElementById("content")?.prepend(notice);
  });
}

/** Fields left empty do not go into the address; whether the page is live is what the switch says now. */
function tidy(request: { action: string; body?: unknown }): void {
  const url = new URL(request.action, location.href);
  const values = new FormData();
  if (request.body instanceof FormData) for (const [name, value] of request.body) if (value !== "") values.append(name, value);
  if (url.pathname === location.pathname) {
    values.delete("live");
    url.searchParams.delete("live");
    if (isLive()) values.set("live", "1");
  }
  request.action = url.pathname + url.search;
  request.body = values;
}

/** Choices show what the page was made with: an attribute alone does not change a field that somebody has changed. */
function settle(form: HTMLFormElement): void {
  for (const field of form.elements) {
    if (field === document.activeElement) continue;
    if (field instanceof HTMLSelectElement) for (const option of field.options) option.selected = option.defaultSelected;
    else if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = field.defaultChecked;
  }
}
