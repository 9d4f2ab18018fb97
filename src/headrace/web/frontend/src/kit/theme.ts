// Light, dark or as the system has it. The server renders the choice, so that no page flashes; here it changes at once.
import { remember } from "./page";

export function startTheme(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-theme-form]")) {
    form.addEventListener("submit", (event) => {
      const button = (event as SubmitEvent).submitter;
      if (!(button instanceof HTMLButtonElement)) return;
      event.preventDefault();
      remember("headrace_theme", button.value);
      document.documentElement.dataset["theme"] = button.value;
      for (const one of form.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
      document.dispatchEvent(new CustomEvent("headrace:theme"));
    });
  }
}

/** A token's colour as the browser computes it now, for canvases. `name` as in `--water`. */
export function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
