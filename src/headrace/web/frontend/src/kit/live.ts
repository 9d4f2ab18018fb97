// Server-sent events, and the switch in the top bar that says whether a page listens. The switch is part of the URL: ?live=1.

export type LiveState = "waiting" | "open" | "lost";

export interface LiveHandlers {
  /** One event's JSON. */
  on: (name: string, data: unknown) => void;
  /** "open" once the server answered; "lost" while the browser tries again; "waiting" before either. */
  state?: (state: LiveState) => void;
  /** The stream is no longer for this browser: the session is over, or the project is not theirs any more. */
  ended?: () => void;
}

/** A refusal is asked about after this long. */
const AGAIN_MS = 10_000;
const REFUSED: readonly number[] = [401, 403, 404];

/** Listens to `names` of the stream at `url`; gives the function that stops. The browser comes back by itself after a break. */
export function listen(url: string, names: readonly string[], handlers: LiveHandlers): () => void {
  let source: EventSource | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    clearTimeout(again);
    source?.close();
  };
  const end = () => {
    stop();
    handlers.state?.("lost");
    handlers.ended?.();
  };
  // The browser does not say with which status it was refused, and gives up for good: a server that starts is asked again.
  const ask = async () => {
    const asked = new AbortController();
    const answer = await fetch(url, { signal: asked.signal }).catch(() => null);
    asked.abort();
    if (answer && REFUSED.includes(answer.status)) end();
    else open();
  };
  const open = () => {
    handlers.state?.("waiting");
    source = new EventSource(url);
    source.onopen = () => handlers.state?.("open");
    source.onerror = () => {
      handlers.state?.("lost");
      if (source?.readyState === EventSource.CLOSED) again = setTimeout(() => void ask(), AGAIN_MS);
    };
    source.addEventListener("ended", end);
    for (const name of names) {
      source.addEventListener(name, (event) => handlers.on(name, JSON.parse((event as MessageEvent<string>).data)));
    }
  };
  open();
  addEventListener("pagehide", stop, { once: true });
  return stop;
}

const button = () => document.querySelector<HTMLButtonElement>("button[data-live]");

/** Whether the page's switch is on. */
export function isLive(): boolean {
  return button()?.getAttribute("aria-pressed") === "true";
}

/** Shows on the switch how the stream is. */
export function showState(state: LiveState): void {
  const found = button();
  if (found) found.dataset["state"] = state;
}

/** Makes the switch work: it changes the URL and fires "headrace:live" on the document. */
export function startLive(): void {
  const found = button();
  found?.addEventListener("click", () => {
    const on = !isLive();
    found.setAttribute("aria-pressed", String(on));
    const url = new URL(location.href);
    if (on) url.searchParams.set("live", "1");
    else url.searchParams.delete("live");
    history.replaceState(history.state, "", url);
    delete found.dataset["state"];
    document.dispatchEvent(new CustomEvent("headrace:live", { detail: { on } }));
  });
}
