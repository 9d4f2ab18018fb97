// On every page behind the door.
import { startCopy } from "./kit/copy";
import { startExchange } from "./kit/exchange";
import { startForms } from "./kit/forms";
import { startKeys } from "./kit/keys";
import { startLive } from "./kit/live";
import { startMenus } from "./kit/menus";
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
startExchange();
startForms();

document.addEventListener("htmx:after:swap", () => refreshTimes());
