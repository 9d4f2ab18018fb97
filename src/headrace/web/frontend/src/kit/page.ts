// What the server wrote into the page for its scripts.

const root = document.documentElement;

/** The path in front of every link, "" or "/x". */
export const prefix = root.dataset["prefix"] ?? "";

/** What every change must bring along. */
export const csrf = root.dataset["csrf"] ?? "";

/** Sets a cookie that the server reads for the look of pages; it holds no secret. */
export function remember(name: string, value: string): void {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; Path=${prefix}/; Max-Age=34560000; SameSite=Lax${secure}`;
}

/** Whether keys typed now belong to a field. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Tells people who listen to the page instead of seeing it. */
export function announce(text: string): void {
  const place = document.getElementById("announce");
  if (place) place.textContent = text;
}

/** An element with text, its only content: nothing that comes from data is ever read as HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, text = "", className = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
