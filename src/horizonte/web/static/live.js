// Live readings: one stream per page; who wants them is told, and whether they arrive.
const format = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 5 });
const cells = () => [...document.querySelectorAll("[data-live]")].filter((c) => !("liveState" in c.dataset));

function state(online) {
  for (const shown of document.querySelectorAll("[data-live-state]")) {
    shown.classList.toggle("on", online);
    shown.textContent = online ? shown.dataset.live : shown.dataset.offline;
  }
}

export function listen(ids, told, again = () => {}) {
  const query = new URLSearchParams(ids.map((id) => ["id", id]));
  const source = new EventSource(`/live?${query}`);
  let lost = false;
  source.addEventListener("state", (event) => {
    state(JSON.parse(event.data).online);
    if (lost) again();
    lost = false;
  });
  source.addEventListener("readings", (event) => told(JSON.parse(event.data)));
  source.onerror = () => { lost = true; state(false); };
  addEventListener("pagehide", () => source.close());
  return source;
}

if (cells().length) {
  const ids = [...new Set(cells().map((cell) => cell.dataset.live))].slice(0, 200);
  listen(ids, (readings) => {
    const newest = new Map(readings.map(([id, , y]) => [id, y]));
    for (const cell of cells()) {
      if (newest.has(cell.dataset.live)) cell.textContent = format.format(newest.get(cell.dataset.live));
    }
  });
}
