// The chart of one series: readings, forecast fan, past forecasts; zoom asks the server anew.
import { listen } from "./live.js";
import { twin } from "./twin.js";

const root = document.querySelector("#chart");
const said = document.querySelector("#chart-reading");
const problem = document.querySelector("#chart-problem");
const table = document.querySelector("#chart-twin");
const words = JSON.parse(document.querySelector("#words").textContent);
const { id, zone, unit } = root.dataset;
const lang = document.documentElement.lang;
const COLUMNS = ["y", "low", "high", "raw", "flagged", "past", "past_low", "past_high",
  "mean", "q05", "q95", "q10", "q90", "said"];
const DAY = 86400;

const number = new Intl.NumberFormat(lang, { maximumSignificantDigits: 5 });
const spoken = new Intl.DateTimeFormat(lang, {
  timeZone: zone, year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
  timeZoneName: "short",
});
const ticks = {
  year: new Intl.DateTimeFormat(lang, { timeZone: zone, month: "short", year: "numeric" }),
  day: new Intl.DateTimeFormat(lang, { timeZone: zone, day: "numeric", month: "short" }),
  hour: new Intl.DateTimeFormat(lang, { timeZone: zone, hour: "2-digit", minute: "2-digit" }),
};

let data, plot, at = null, home, asking = 0, timer;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const columns = () => [data.x, ...COLUMNS.map((name) => data[name])];

function flagged(body) {
  body.flagged = body.x.map((_, i) => (body.flag[i] == null ? null : body.y[i] ?? body.own[i]));
  return body;
}

async function fetched(from, to) {
  const query = new URLSearchParams(location.search);
  if (from !== undefined) {
    query.delete("range");
    query.set("from", String(Math.round(from)));
    query.set("to", String(Math.round(to)));
  }
  const answer = await fetch(`/series/data?${query}`);
  if (!answer.ok) throw new Error(String(answer.status));
  return [flagged(await answer.json()), query];
}

async function load(from, to) {
  const turn = ++asking;
  try {
    const [body, query] = await fetched(from, to);
    if (turn !== asking) return;
    problem.hidden = true;
    data = body;
    if (from === undefined) home = [data.start, data.end];
    else history.replaceState(null, "", `?${query}`);
    draw();
    downloads();
  } catch {
    problem.hidden = false;
  }
}

function downloads() {
  for (const link of document.querySelectorAll(".downloads a")) {
    const query = new URLSearchParams(location.search);
    query.set("format", new URL(link.href).searchParams.get("format"));
    link.href = `/series/download?${query}`;
  }
}

function labels(_, splits, __, ___, step) {
  const format = step >= 28 * DAY ? ticks.year : step >= DAY ? ticks.day : ticks.hour;
  return splits.map((x, i) => {
    if (x == null) return "";
    const day = ticks.day.format(x * 1000);
    const first = i === 0 || day !== ticks.day.format(splits[i - 1] * 1000);
    return step < DAY && first ? `${format.format(x * 1000)}\n${day}` : format.format(x * 1000);
  });
}

function options() {
  const line = (stroke, more = {}) => ({ stroke, width: 1.5, points: { show: false }, ...more });
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const dots = (stroke) => ({ stroke, paths: () => null, points: { show: true, size: 6, stroke, fill: stroke } });
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid") } };
  const band = `${colour("band")}88`;
  return {
    width: root.clientWidth, height: Math.max(320, Math.min(480, innerHeight * 0.5)),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    legend: { show: false },
    scales: { x: { time: true, auto: false }, y: {} },
    axes: [{ ...axis, values: labels, space: 70 },
      { ...axis, size: 80, values: (_, splits) => splits.map((y) => (y == null ? "" : number.format(y))) }],
    series: [{}, line(colour("line")), edge, edge, { ...dots(colour("quiet")), auto: false }, dots(colour("bad")),
      line(colour("mean"), { dash: [2, 4] }), edge, edge, line(colour("mean"), { dash: [8, 4] }), edge, edge, edge, edge,
      line(colour("said"), { dash: [12, 4] })],
    bands: [{ series: [3, 2], fill: `${colour("line")}44` }, { series: [8, 7], fill: `${colour("band")}44` },
      { series: [11, 10], fill: `${colour("band")}55` }, { series: [13, 12], fill: band }],
    cursor: { drag: { x: true, y: false }, bind: { dblclick: () => () => { reset(); return null; } } },
    hooks: { setCursor: [(u) => { if (u.cursor.idx != null) { at = u.cursor.idx; said.textContent = told(at); } }],
      setScale: [scaled] },
  };
}

function scaled(u, key) {
  const { min, max } = u.scales.x;
  if (key !== "x" || min == null || (Math.abs(min - data.start) < 1 && Math.abs(max - data.end) < 1)) return;
  clearTimeout(timer);
  timer = setTimeout(() => load(min, max), 250);
}

function draw() {
  if (plot) plot.setData(columns(), false);
  else { plot = new uPlot(options(), columns(), root); root.classList.add("drawn"); }
  plot.setScale("x", { min: data.start, max: data.end });
  if (table.open) twin(table, data, parts());
}

function reset() {
  clearTimeout(timer);
  const query = new URLSearchParams(location.search);
  query.delete("from");
  query.delete("to");
  history.replaceState(null, "", `?${query}`);
  load();
}

const parts = () => ({ words, unit, number, spoken });

function told(i) {
  const band = (low, high) => (low == null ? "" : ` (${number.format(low)} – ${number.format(high)})`);
  const one = (name, value, extra = "") => (value == null ? "" : `; ${name} ${number.format(value)}${extra}`);
  const flag = data.flag[i] == null ? "" : `; ${words[data.flag[i]] ?? `${words.flagged} ${data.flag[i]}`}`;
  return spoken.format(data.x[i] * 1000) + one(words.reading, data.y[i], band(data.low[i], data.high[i])) + flag
    + one(words.raw, data.raw[i]) + one(words.forecast, data.mean[i], band(data.q10[i], data.q90[i]))
    + one(words.past, data.past[i], band(data.past_low[i], data.past_high[i])) + one(words.said, data.said[i])
    + `; ${unit}`;
}

function move(steps) {
  const inside = (i) => data.x[i] >= plot.scales.x.min && data.x[i] <= plot.scales.x.max;
  let to = at ?? (steps > 0 ? -1 : data.x.length);
  do to += Math.sign(steps); while (to >= 0 && to < data.x.length && !inside(to));
  to = Math.abs(steps) > 1 ? (steps > 0 ? data.x.findLastIndex((_, i) => inside(i)) : data.x.findIndex((_, i) => inside(i))) : to;
  if (to < 0 || to >= data.x.length) return;
  at = to;
  const value = data.y[to] ?? data.mean[to] ?? data.past[to];
  plot.setCursor({ left: plot.valToPos(data.x[to], "x"), top: value == null ? 0 : plot.valToPos(value, "y") }, false);
  said.textContent = told(to);
}

function zoom(factor) {
  const { min, max } = plot.scales.x;
  const middle = at == null ? (min + max) / 2 : Math.min(Math.max(data.x[at], min), max);
  load(middle - (middle - min) * factor, middle + (max - middle) * factor);
}

root.addEventListener("keydown", (event) => {
  const keys = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), Home: () => move(-2), End: () => move(2),
    "+": () => zoom(0.5), "-": () => zoom(2), Escape: reset };
  if (!plot || !(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
});

function append(readings) {
  if (!plot || !data) return;
  if (data.width) { clearTimeout(timer); timer = setTimeout(() => load(data.start, data.end), 5000); return; }
  for (const [, x, y] of readings) put(x, y);
  const { min, max } = plot.scales.x;
  plot.setData(columns(), false);
  plot.setScale("x", { min, max });
  root.dataset.heard = String(Number(root.dataset.heard ?? 0) + readings.length);
  if (table.open) twin(table, data, parts());
}

function put(x, y) {
  let i = data.x.length;
  while (i > 0 && data.x[i - 1] >= x) i -= 1;
  if (data.x[i] !== x) {
    data.x.splice(i, 0, x);
    for (const name of [...COLUMNS, "flag"]) data[name].splice(i, 0, null);
    if (at != null && at >= i) at += 1;
  }
  data.y[i] = y;
}

table.addEventListener("toggle", () => { if (table.open && data) twin(table, data, parts()); });
addEventListener("resize", () => plot?.setSize({ width: root.clientWidth, height: plot.height }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  plot?.destroy();
  plot = undefined;
  draw();
});
await load();
listen([id], append, () => load(data?.start, data?.end));
