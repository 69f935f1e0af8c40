// A file may be dropped anywhere on its form; progress is asked for until it is over.
const form = document.querySelector("[data-drop]");
const progress = document.querySelector("[data-progress]");

if (form) {
  const input = form.querySelector("input[type=file]");
  const large = form.querySelector("[data-large]");
  const fits = () => {
    const over = input.files.length > 0 && input.files[0].size > Number(form.dataset.most);
    large.hidden = !over;
    return !over;
  };
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; fits(); }
  });
  input.addEventListener("change", fits);
  form.addEventListener("submit", (event) => { if (!fits()) event.preventDefault(); });
}

async function look() {
  try {
    const answer = await fetch(progress.dataset.progress);
    if (!answer.ok) throw new Error(String(answer.status));
    const { running, done, of } = await answer.json();
    const bar = progress.querySelector("progress");
    if (bar && of) { bar.max = of; bar.value = done; }
    if (!running) { location.reload(); return; }
  } catch {
    // asked again: the page stays as it is meanwhile
  }
  setTimeout(look, 500);
}
if (progress) look();
