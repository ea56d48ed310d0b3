// What a person said of parts and classes: kept in the browser, shown at every place, counted in the bar that saves.

// What a person said: by image "category\nid", and the rows of each classes.csv.
const fresh = () => ({
  answers: Object.fromEntries(known.answers.map(([category, id, answer]) => [category + "\n" + id, answer])),
  rows: Object.fromEntries(Object.entries(known.atlases).map(([key, one]) => [key, one.rows.map((row) => ({ ...row }))])),
  moves: Object.fromEntries(Object.entries(known.atlases).map(([key, one]) => [key, { ...one.moves }])),
});
const store = "adtool " + known.key;
const load = () => { // a browser may forbid it for files, which costs only the memory between visits
  try { return JSON.parse(localStorage.getItem(store)) || fresh(); } catch { return fresh(); }
};
let state = load();
state.moves ||= fresh().moves;
const keep = () => { try { localStorage.setItem(store, JSON.stringify(state)); } catch { /* as above */ } };

// Answers: the same image may be shown in several places.
const imageKey = (field) => known.images[Number(field.dataset.n)].join("\n");
const showAnswers = () => {
  for (const field of all("fieldset.answer")) {
    const answer = state.answers[imageKey(field)];
    for (const one of all("button", field)) one.setAttribute("aria-pressed", String(one.value === answer));
  }
};
document.addEventListener("click", (event) => {
  const pressed = event.target.closest("fieldset.answer button");
  if (!pressed) return;
  const key = imageKey(pressed.closest("fieldset"));
  if (state.answers[key] === pressed.value) delete state.answers[key]; else state.answers[key] = pressed.value;
  keep();
  showAnswers();
  showBar();
});

// The bar that saves.
const changed = (key) => {
  const before = known.atlases[key].rows;
  return state.rows[key].filter((row, i) => ["name", "action", "into"].some((column) => row[column] !== before[i][column])).length;
};
const moved = (key) => {
  const before = known.atlases[key].moves;
  const ids = new Set([...Object.keys(before), ...Object.keys(state.moves[key])]);
  return [...ids].filter((id) => String(before[id]) !== String(state.moves[key][id])).length;
};
const button = (text, does, main) => {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.className = main ? "main" : "";
  made.addEventListener("click", does);
  return made;
};
const showBar = () => {
  const answers = Object.keys(state.answers).length;
  const edited = Object.keys(state.rows).filter((key) => changed(key) || moved(key));
  const edits = edited.reduce((sum, key) => sum + changed(key), 0);
  const moves = edited.reduce((sum, key) => sum + moved(key), 0);
  const said = [answers && answers + (answers === 1 ? " answer" : " answers"), edits && edits + (edits === 1 ? " class changed" : " classes changed"), moves && moves + (moves === 1 ? " part moved" : " parts moved")];
  const bar = document.getElementById("bar");
  const touched = JSON.stringify(state) !== JSON.stringify(fresh());
  bar.hidden = !touched && !answers;
  document.getElementById("state").textContent = said.filter(Boolean).join(", ");
  const buttons = [];
  if (answers) buttons.push(button("Save answers.csv", saveAnswers, true));
  for (const key of edited) {
    const only = Object.keys(known.atlases).length === 1;
    buttons.push(button("Save classes.csv" + (only ? "" : " of " + key), () => saveClasses(key), true));
  }
  if (touched) buttons.push(button("Undo all", () => { state = fresh(); showAll(); }));
  document.getElementById("save").replaceChildren(...buttons);
};
