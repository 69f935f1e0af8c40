// Fetches the explanation when it is opened: a model computes it, so nobody waits for it unasked.
const details = document.querySelector("#explain");

async function explain() {
  const link = details.querySelector("a");
  const place = details.querySelector(".explained");
  place.textContent = details.dataset.waiting;
  try {
    const answer = await fetch(link.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(page.querySelector("#explanation") ?? link.cloneNode(true));
    if (answer.ok) { details.dataset.done = "1"; link.hidden = true; }
  } catch {
    place.replaceChildren(link.cloneNode(true));
  }
}

details?.addEventListener("toggle", () => { if (details.open && !details.dataset.done) explain(); });
