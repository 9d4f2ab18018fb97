// Pages that follow what arrives: while the live switch is on, everything marked data-fresh is drawn anew when a record came.
import { refresh } from "../kit/fresh";
import { isLive, listen, showState } from "../kit/live";
import { prefix } from "../kit/page";

/** Pages are asked for no more often than this, however much arrives. */
const PAUSE_MS = 1_500;

let stop: (() => void) | undefined;
let due: ReturnType<typeof setTimeout> | undefined;
let last = 0;

function soon(): void {
  if (due !== undefined) return;
  due = setTimeout(async () => {
    last = Date.now();
    try {
      // Someone who reads with the keyboard keeps their place: the list waits until they have gone on.
      if (!document.activeElement?.closest("[data-fresh] tbody")) {
        await refresh(location.href, [...document.querySelectorAll("[data-fresh]")].map((one) => one.id));
      }
    } finally {
      due = undefined;
    }
  }, Math.max(0, last + PAUSE_MS - Date.now()));
}

function follow(): void {
  stop?.();
  stop = undefined;
  const project = document.documentElement.dataset["project"];
  if (!isLive() || !project) return;
  stop = listen(`${prefix}/app/p/${encodeURIComponent(project)}/live`, ["record"], { on: soon, state: showState });
}

document.addEventListener("headrace:live", follow);
follow();
