// Connect: the samples' choices in the URL, and the line that turns into the first record.
import { listen } from "../kit/live";
import { announce, element, prefix } from "../kit/page";

interface Arrived {
  id: string;
  ts: string | number;
  dialect: string;
  type: string;
  name: string;
  level: string;
  text: string;
}

/** Records shown, the newest on top. */
const SHOWN = 5;

const place = document.querySelector<HTMLElement>(".arrival");
const list = element("ol", "", "arrived-list");

/** A dialect as the choices above call it; points say only that they came as StatFlow or StatHat. */
function title(dialect: string): string {
  const names = dialect === "stat" ? ["statflow", "stathat"] : [dialect];
  const known = names.map((name) => document.querySelector<HTMLElement>(`[data-choices=dialect] > [value="${CSS.escape(name)}"]`)?.dataset["title"]);
  return known.filter(Boolean).join(", ") || dialect;
}

function show(record: Arrived): void {
  if (!place) return;
  if (!list.isConnected) {
    const base = `${prefix}/app/p/${document.documentElement.dataset["project"] ?? ""}`;
    const onwards = element("p");
    for (const [text, page, main] of [["See it on the overview", "overview", true], ["Stats", "stats", false], ["Activity", "activity", false]] as const) {
      const link = element("a", text, main ? "button primary" : "button");
      link.href = `${base}/${page}`;
      onwards.append(link, " ");
    }
    place.replaceChildren(list, onwards);
  }
  const item = element("li", "", "arrived");
  const words = [record.name, record.text].filter((one, at, all) => one && all.indexOf(one) === at).join(" · ");
  item.append(element("span", title(record.dialect), "badge good"), element("span", record.type, "badge plain"), element("bdi", words));
  list.prepend(item);
  while (list.children.length > SHOWN) list.lastElementChild?.remove();
  announce(`A record arrived: ${title(record.dialect)} ${words}`);
}

if (place?.dataset["liveUrl"]) {
  listen(place.dataset["liveUrl"], ["record"], { on: (_, data) => show(data as Arrived) });
}

// The choice of dialect and language goes into the URL; the language holds for every dialect.
document.addEventListener("change", (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || input.type !== "radio") return;
  const name = input.closest<HTMLElement>("[data-choices]")?.dataset["choices"];
  if (!name) return;
  const url = new URL(location.href);
  url.searchParams.set(name, input.value);
  history.replaceState(history.state, "", url);
  if (name === "language") {
    for (const other of document.querySelectorAll<HTMLInputElement>(`[data-choices=language] input[value="${CSS.escape(input.value)}"]`)) other.checked = true;
  }
});
