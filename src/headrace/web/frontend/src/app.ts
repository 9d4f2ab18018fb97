// On every page behind the door.
import "htmx.org";
import { startCopy } from "./kit/copy";
import { startKeys } from "./kit/keys";
import { startLive } from "./kit/live";
import { startMenus } from "./kit/menus";
import { csrf } from "./kit/page";
import { startPalette } from "./kit/palette";
import { refreshTimes, startTimes } from "./kit/times";
import { startTheme } from "./kit/theme";

startTheme();
startMenus();
startCopy();
startPalette();
startKeys();
startLive();
startTimes();

document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = (event as CustomEvent<{ ctx: { request: { headers: Record<string, string> } } }>).detail;
  ctx.request.headers["X-CSRF-Token"] = csrf;
});
document.addEventListener("htmx:after:swap", () => refreshTimes());
