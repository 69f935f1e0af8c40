// The same numbers as the chart, as a table: for screen readers, for copying, for eyes that prefer it.
const MOST = 1000;

export function twin(details, data, { words, unit, number, spoken }) {
  const names = ["reading", "raw", "quality", "past", "forecast", "low", "high", "said"];
  const values = [data.y, data.raw, data.flag, data.past, data.mean, data.q10, data.q90, data.said];
  const used = names.map((_, c) => c).filter((c) => values[c].some((v) => v != null));
  const made = document.createElement("table");
  const head = made.createTHead().insertRow();
  for (const text of [words.time, ...used.map((c) => (names[c] === "quality" ? words.quality : `${words[names[c]]} (${unit})`))]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text;
    head.append(cell);
  }
  const body = made.createTBody();
  for (let i = Math.max(0, data.x.length - MOST); i < data.x.length; i += 1) {
    const row = body.insertRow();
    const time = document.createElement("th");
    time.scope = "row";
    time.textContent = spoken.format(data.x[i] * 1000);
    row.append(time);
    for (const c of used) {
      const cell = row.insertCell();
      const value = values[c][i];
      cell.className = "number";
      cell.textContent = value == null ? "" : typeof value === "string" ? words[value] ?? value : number.format(value);
    }
  }
  details.querySelector(".twin").replaceChildren(made);
}
