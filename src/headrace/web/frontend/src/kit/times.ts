// Times that were relative when the page was made stay true while it is open. The words are those of web/words.py.
import { remember } from "./page";

const EVERY_MS = 20_000;
const UNITS: ReadonlyArray<readonly [number, string]> = [
  [31_557_600, "year"],
  [2_629_800, "month"],
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** How long ago `then` (ms since the epoch) was. */
export function ago(then: number, now = Date.now()): string {
  const seconds = (now - then) / 1000;
  const size = Math.abs(seconds);
  if (size < 10) return "just now";
  for (const [length, word] of UNITS) {
    if (size < length) continue;
    const count = Math.floor(size / length);
    const text = `${count.toLocaleString("en")} ${word}${count > 1 ? "s" : ""}`;
    return seconds < 0 ? `in ${text}` : `${text} ago`;
  }
  return "just now";
}

/** Brings every <time data-ago> under `root` up to date. */
export function refreshTimes(root: ParentNode = document): void {
  for (const one of root.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
    const text = ago(Date.parse(one.dateTime));
    if (one.textContent !== text) one.textContent = text;
  }
}

/** Tells the server the reader's zone. Where it was another one, a page with a time range is read again: its days are others. */
export function startTimes(): void {
  setInterval(refreshTimes, EVERY_MS);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { zone: shown, ranged } = document.documentElement.dataset;
  if (!zone || zone === shown || new URLSearchParams(location.search).has("tz")) return;
  const told = document.cookie.includes(`headrace_zone=${encodeURIComponent(zone)}`);
  remember("headrace_zone", zone);
  if (ranged !== undefined && !told && navigator.cookieEnabled) location.reload();
}
