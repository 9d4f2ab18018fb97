// A form that changes something is sent once, however often its button is pressed before the answer is there.

/** An answer that takes longer than this is not waited for: the form may be sent again. */
const GIVEN_UP_MS = 15_000;

export function startForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset["sent"] !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset["sent"] = "";
    setTimeout(() => delete form.dataset["sent"], GIVEN_UP_MS);
  });
  // Back to a page that the browser kept as it was.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) delete form.dataset["sent"];
  });
}
