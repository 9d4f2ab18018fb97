// Import: sends the file as it is, and follows the import until it has ended.
import { announce, csrf, element } from "../kit/page";

interface Status {
  under_way: boolean;
  last: Record<string, unknown> | null;
}

/** Between two looks at an import, ms. */
const LOOK_MS = 1000;

const form = document.querySelector<HTMLFormElement>("form[data-import]");
const problem = form?.querySelector<HTMLElement>("[role=alert]");

function complain(text: string): void {
  if (!problem) return;
  problem.replaceChildren(element("p", text));
  problem.hidden = !text;
}

async function send(form: HTMLFormElement): Promise<void> {
  const fields = new FormData(form);
  const file = fields.get("file");
  if (!(file instanceof File)) return;
  const query = new URLSearchParams({ name: file.name });
  const until = fields.get("until");
  if (typeof until === "string" && until) query.set("until", `${until}T00:00:00Z`);
  if (fields.get("dry_run")) query.set("dry_run", "true");
  const answer = await fetch(`${form.dataset["import"] ?? ""}?${query}`, { method: "POST", body: file, headers: { "X-CSRF-Token": csrf } });
  if (answer.ok) {
    location.reload();
    return;
  }
  const told = (await answer.json().catch(() => null)) as { error?: { message?: string } } | null;
  throw new Error(told?.error?.message ?? `the server answers ${answer.status}`);
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
  if (!button || button.disabled) return;
  button.disabled = true;
  complain("");
  announce("The file is being sent.");
  send(form).catch((error: unknown) => {
    button.disabled = false;
    complain(`The file was not imported: ${error instanceof Error ? error.message : "it could not be sent"}`);
  });
});

const place = document.querySelector<HTMLElement>("[data-status]");

async function follow(place: HTMLElement): Promise<void> {
  const answer = await fetch(place.dataset["status"] ?? "");
  if (!answer.ok) return;
  const status = (await answer.json()) as Status;
  if (!status.under_way) {
    location.reload();
    return;
  }
  for (const count of place.querySelectorAll<HTMLElement>("[data-count]")) {
    const number = status.last?.[count.dataset["count"] ?? ""];
    if (typeof number === "number") count.textContent = number.toLocaleString("en");
  }
}

if (place) setInterval(() => void follow(place).catch(() => undefined), LOOK_MS);
