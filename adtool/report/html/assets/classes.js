// The review of classes: one part moved, a class named, merged, split or rejected. The last script: it shows what was kept.

// One part moved to another class, from its enlarged picture.
const move = document.getElementById("move");
let shown = null;
const offerMove = (row) => {
  const card = row.closest("article.class");
  shown = card && { key: card.dataset.atlas, from: card.dataset.class, id: row.dataset.part };
  move.hidden = !shown;
  if (!shown) return;
  const names = state.rows[shown.key].map((one) => option(one.class, called(one)));
  if (!names.some((one) => one.value === "unknown")) names.push(option("unknown", "unknown: of no class"));
  const select = move.querySelector("select");
  select.replaceChildren(...names);
  select.value = (state.moves[shown.key][shown.id] || [null, shown.from])[1];
};
move.addEventListener("change", (event) => {
  if (event.target.value === shown.from) delete state.moves[shown.key][shown.id];
  else state.moves[shown.key][shown.id] = [shown.from, event.target.value];
  showAll();
});
const showMoves = () => {
  for (const one of all("[data-part]")) {
    const gone = state.moves[one.closest("article.class").dataset.atlas][one.dataset.part];
    one.closest("li").classList.toggle("moved", Boolean(gone));
    const line = one.closest("li").querySelector(".id");
    line.dataset.was = line.dataset.was || line.textContent;
    line.textContent = gone ? "→ " + gone[1] : line.dataset.was;
  }
};

// Classes.
const called = (row) => (row.name && row.name !== row.class ? row.class + ", " + row.name : row.class);
const option = (value, text) => new Option(text, value);
const rowOf = (card) => state.rows[card.dataset.atlas].find((row) => row.class === card.dataset.class);
const fateOf = (row) => (row.action === "merge" ? "merge " + row.into : row.action === "reject" || row.action === "split" ? row.action + " " : "");
const showClasses = (except) => {
  for (const one of all("button.doubt")) one.setAttribute("aria-pressed", String(fateOf(rowOf(one)) === one.dataset.fate));
  for (const card of all("article.class")) {
    const row = rowOf(card);
    const others = state.rows[card.dataset.atlas].filter((one) => one !== row && one.action !== "merge" && one.action !== "reject");
    const input = card.querySelector("input.name");
    if (input !== except) input.value = row.name;
    const select = card.querySelector("select.fate");
    select.replaceChildren(
      option("", "Keep as a class"),
      ...others.map((one) => option("merge " + one.class, "Merge into " + called(one))),
      ...(known.atlases[card.dataset.atlas].split === row.class ? [option("split ", "Split: two classes")] : []),
      option("reject ", "Reject: not a class"),
    );
    select.value = fateOf(row);
    card.classList.toggle("merge", row.action === "merge");
    card.classList.toggle("reject", row.action === "reject");
    const twin = row.name && !row.action && others.find((one) => one.name === row.name);
    const into = row.action === "merge" && state.rows[card.dataset.atlas].find((one) => one.class === row.into);
    const note = into ? "Its " + row.images + " parts will count as " + called(into) + "."
      : row.action === "reject" ? "Its " + row.images + " parts will count as unknown."
      : row.action === "split" ? "Its second half will be a class of its own" + (row.into ? ", " + row.into : "") + "."
      : twin ? "The class " + twin.class + " has the same name. Merge them if they are the same." : "";
    const line = card.querySelector(".fate-note");
    if (line.textContent !== note) line.textContent = note;
  }
  for (const head of all("[data-name]")) {
    const row = state.rows[head.dataset.atlas].find((one) => one.class === head.dataset.name);
    if (row) head.textContent = row.name || row.class;
  }
};
const decide = (card, chosen) => {
  const rows = state.rows[card.dataset.atlas];
  const row = rowOf(card);
  const cut = chosen.indexOf(" ");
  row.action = cut < 0 ? "" : chosen.slice(0, cut);
  row.into = row.action === "merge" ? chosen.slice(cut + 1) : "";
  // Those that were merged into this class go where it goes, so that no class is merged into one that is gone.
  if (row.action && row.action !== "split") {
    for (const one of rows) {
      if (one.action === "merge" && one.into === row.class) { one.action = row.action; one.into = row.into; }
    }
  }
};
document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button.doubt");
  if (!pressed) return;
  decide(pressed, fateOf(rowOf(pressed)) === pressed.dataset.fate ? "" : pressed.dataset.fate);
  showAll();
});
document.addEventListener("input", (event) => {
  const card = event.target.closest("article.class");
  if (!card) return;
  if (event.target.matches("input.name")) rowOf(card).name = event.target.value.trim();
  else if (event.target.matches("select.fate")) decide(card, event.target.value);
  keep();
  showClasses(event.target);
  showBar();
});

const showAll = () => { keep(); showAnswers(); showClasses(); showMoves(); showBar(); };
showAll();
