// Pages that follow what arrives: while the live switch is on, everything marked data-fresh is drawn anew when a record came, and once a
// minute because a range that ends now moves on. Nothing is asked for while the page is hidden or somebody is at work on it.
import { refresh } from "../kit/fresh";
import { isLive, listen, showState } from "../kit/live";
import { prefix } from "../kit/page";

/** Pages are asked for no more often than this, and a tenth of the time at most: a page that takes the server long comes less often. */
const PAUSE_MS = 1_500;
const SHARE = 10;
/** So long nothing is exchanged after the last key. */
const TYPING_MS = 2_000;
/** How often a page moves on while nothing arrives, and how often one that waits looks whether it may. */
const MOVE_MS = 60_000;
const LOOK_MS = 500;

let stop: (() => void) | undefined;
let due: ReturnType<typeof setTimeout> | undefined;
let next = 0;
let held = false;
let typed = -TYPING_MS;

const fresh = () => [...document.querySelectorAll<HTMLElement>("[data-fresh]")];

/** Whether somebody drags, types, has text selected, or reads lines that would move with the keyboard. */
function busy(): boolean {
  const selection = getSelection();
  const selected = selection !== null && !selection.isCollapsed && fresh().some((one) => selection.containsNode(one, true));
  const reading = document.activeElement?.closest("[data-fresh] tbody tr:not([id])");
  return held || selected || Boolean(reading) || performance.now() - typed < TYPING_MS;
}

function soon(): void {
  due ??= setTimeout(() => void renew(), Math.max(0, next - performance.now()));
}

async function renew(): Promise<void> {
  due = undefined;
  if (!stop) return;
  if (busy()) {
    due = setTimeout(() => void renew(), LOOK_MS);
    return;
  }
  const [url, ids, began] = [location.href, fresh().map((one) => one.id), performance.now()];
  if (!ids.length) return;
  next = Infinity;
  try {
    await refresh(url, ids, () => stop !== undefined && location.href === url && !busy());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the server is away: the feed tells
  } finally {
    const now = performance.now();
    next = now + Math.max(PAUSE_MS, SHARE * (now - began));
  }
}

function follow(): void {
  stop?.();
  stop = undefined;
  const project = document.documentElement.dataset["project"];
  if (!isLive() || !project || document.hidden) return;
  const url = `${prefix}/app/p/${encodeURIComponent(project)}/live`;
  stop = listen(url, ["record"], { on: soon, state: showState, ended: soon });
}

document.addEventListener("headrace:live", follow);
document.addEventListener("visibilitychange", () => {
  follow();
  if (stop) soon();
});
document.addEventListener("input", () => (typed = performance.now()), { capture: true });
addEventListener("pointerdown", (event) => (held = event.button === 0), { capture: true });
// A button may be let go where nobody tells, such as over another window's menu.
for (const name of ["pointermove", "pointerup", "pointercancel"] as const) {
  addEventListener(name, (event) => (held &&= name === "pointermove" && (event.buttons & 1) !== 0), { capture: true });
}
setInterval(soon, MOVE_MS);
follow();
