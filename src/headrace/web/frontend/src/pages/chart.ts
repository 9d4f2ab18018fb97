// A stat's chart: lines, the period before as dashes, notes as marks; dragging looks closer by changing the URL.
import uPlot from "uplot";
import { exchange } from "../kit/exchange";
import { colour } from "../kit/theme";

interface Line {
  name: string;
  unit: string;
  slot: number;
  values: (number | null)[];
  previous: (number | null)[];
}

interface Drawing {
  starts: number[];
  end: number;
  zone: string;
  resolution: string;
  labels: string[];
  lines: Line[];
  notes: { at: number; text: string; kind: string }[];
}

const HEIGHT = 320;
/** Up to this many buckets each is marked by a dot. */
const DOTS = 60;
/** So many times the usual distance between points is a gap. */
const MISSING = 3;
/** A drag of fewer pixels is a click. */
const DRAG = 6;
/** As web/words.py writes figures. */
const STEPS = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const;
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const long = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

/** Names of ticks by their distance in seconds: the tick itself, and what is added where a year or a day begins. */
const TIMES: uPlot.Axis.Values = [
  [86_400 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [86_400 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86_400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
];

let plot: uPlot | undefined;
let watched: ResizeObserver | undefined;
let shown: Drawing;

const holder = () => document.querySelector<HTMLElement>(".plot[data-drawing]");
const read = (place: HTMLElement) => JSON.parse(place.dataset["drawing"] ?? "{}") as Drawing;

function draw(): void {
  plot?.destroy();
  watched?.disconnect();
  plot = undefined;
  const place = holder();
  if (!place) return;
  shown = read(place);
  for (const still of place.querySelectorAll(".fallback")) still.remove();
  plot = new uPlot(options(shown, place.clientWidth), data(shown), place);
  watched = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT }));
  watched.observe(place);
}

/** The same lines with newer values: the plot stays, and so does what the pointer is on. */
function renew(): void {
  const place = holder();
  if (!plot || !place?.contains(plot.root)) return draw();
  const next = read(place);
  if (form(next) !== form(shown)) return draw();
  shown = next;
  plot.setData(data(shown));
  tell(plot);
}

/** What of a drawing its plot is built for. */
function form(of: Drawing): string {
  const lines = of.lines.map((line) => [line.name, line.slot, line.previous.length > 0]);
  return JSON.stringify([of.zone, of.starts.length <= DOTS, lines]);
}

function data(drawing: Drawing): uPlot.AlignedData {
  const rows: (number | null)[][] = [];
  for (const line of drawing.lines) {
    rows.push(line.values);
    if (line.previous.length) rows.push(line.previous);
  }
  return [drawing.starts, ...rows] as uPlot.AlignedData;
}

function options(drawing: Drawing, width: number): uPlot.Options {
  const ink = colour("--ink-soft");
  const grid = { stroke: colour("--line"), width: 1 };
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const dots = drawing.starts.length <= DOTS;
  const series: uPlot.Series[] = [{}];
  const seen = new Set<number>();
  for (const line of drawing.lines) {
    const stroke = colour(`--series-${line.slot}`);
    const again = seen.has(line.slot) ? { dash: [12, 4] } : {};
    seen.add(line.slot);
    series.push({ label: line.name, stroke, width: 2, ...again, points: { show: dots, size: 5 }, gaps });
    if (line.previous.length) {
      series.push({ label: `${line.name}, before`, stroke, width: 1.5, dash: [4, 4], alpha: 0.65, points: { show: false }, gaps });
    }
  }
  return {
    width,
    height: HEIGHT,
    series,
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), drawing.zone),
    scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 0) > 0 ? high * 1.08 : low < 0 ? 0 : 1] } },
    axes: [
      { stroke: ink, grid, ticks: grid, font, values: TIMES },
      { stroke: ink, grid, ticks: grid, font, size: 64, values: (_, splits) => splits.map(short) },
    ],
    // A chart that is still cannot be looked at closer: its page has no such range.
    cursor: { drag: { x: holder()?.dataset["still"] === undefined, y: false, setScale: false }, y: false },
    hooks: { setSelect: [(self) => zoom(self)], setCursor: [tell], draw: [mark] },
  };
}

/** Buckets narrower than the points are apart stay empty: a line breaks only where several points in a row are missing. */
function gaps(self: uPlot, at: number, from: number, to: number, found: uPlot.Series.Gaps): uPlot.Series.Gaps {
  const known: number[] = [];
  const [times, values] = [self.data[0], self.data[at] ?? []];
  for (let index = from; index <= to; index++) if (values[index] != null) known.push(self.valToPos(times[index] ?? 0, "x", true));
  const steps = known.slice(1).map((x, index) => x - (known[index] ?? 0)).sort((a, b) => a - b);
  const usual = steps[steps.length >> 1] ?? 0;
  return found.filter(([left, right]) => right - left > MISSING * usual);
}

/** The selected part as the page's range. */
function zoom(self: uPlot): void {
  const { left, width } = self.select;
  if (width < DRAG) return;
  const url = new URL(location.href);
  url.searchParams.set("range", "custom");
  url.searchParams.set("from", moment(self.posToVal(left, "x")));
  url.searchParams.set("to", moment(self.posToVal(left + width, "x")));
  exchange(url);
}

function moment(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** The numbers under the pointer, beside their names. */
function tell(self: uPlot): void {
  const at = self.cursor.idx;
  const time = document.querySelector("#chart [data-time]");
  if (time) time.textContent = at == null ? "" : (shown.labels[at] ?? "");
  document.querySelectorAll("#chart [data-value]").forEach((place, index) => {
    const line = shown.lines[index];
    if (!line || at == null) place.textContent = "";
    else place.textContent = number(line.values[at]) + (line.previous.length ? ` · ${number(line.previous[at])}` : "") + (line.unit ? ` ${line.unit}` : "");
  });
}

/** A figure of the axis: 500 · 12.5 k · 3 M. */
function short(value: number): string {
  const [size, unit] = STEPS.find(([step]) => Math.abs(value) >= step) ?? [1, ""];
  return unit ? `${three.format(value / size)} ${unit}` : three.format(value);
}

function number(value: number | null | undefined): string {
  return value == null ? "–" : long.format(value);
}

/** A line for each note; the list beside the chart has their texts. */
function mark(self: uPlot): void {
  const { ctx, bbox } = self;
  ctx.save();
  for (const note of shown.notes) {
    const x = Math.round(self.valToPos(note.at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(note.kind === "incident" ? "--brick" : note.kind === "deploy" ? "--water" : "--ink-soft");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.arc(x, bbox.top, 4 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
}

/** Names of stats while one is typed. */
function suggest(): void {
  let pause: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("input", ({ target: input }) => {
    if (!(input instanceof HTMLInputElement) || input.dataset["suggest"] === undefined) return;
    clearTimeout(pause);
    pause = setTimeout(async () => {
      const list = document.getElementById("stat-names");
      const answer = await fetch(`${input.dataset["suggest"]}?limit=10&q=${encodeURIComponent(input.value)}`);
      if (!answer.ok || !list) return;
      const found = (await answer.json()) as { stats: { name: string }[] };
      list.replaceChildren(...found.stats.map((one) => new Option("", one.name)));
    }, 150);
  });
}

document.addEventListener("headrace:theme", draw);
document.addEventListener("headrace:fresh", renew);
document.addEventListener("htmx:after:swap", draw);
draw();
suggest();
