"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const known = read("document");
  const pictures = read("pictures");
  document.getElementById("pictures").remove(); // the text is held once more otherwise

  // Pictures: given to the images of a card or a group when it comes near the screen. Thousands of images are too many
  // to watch one by one.
  const fill = (image) => {
    const data = pictures[Number(image.dataset.p)];
    if (data && !image.src) image.src = "data:image/webp;base64," + data;
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { all("img[data-p]", entry.target).forEach(fill); watcher.unobserve(entry.target); }
    }
  }, { rootMargin: "800px" });
  all(".card, .class, .strip").forEach((one) => watcher.observe(one));
  addEventListener("beforeprint", () => {
    all("details").forEach((one) => { if (!one.closest("#everything")) one.open = true; });
    all("img[data-p]").forEach((image) => { if (!image.closest("#everything")) fill(image); });
  });

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

  // CSV as RFC 4180 has it, with the line ends and the apostrophe before formulas of the tables adtool writes.
  const safe = (value) => (/^'*[=+\-@\t\r]/.test(value) && !(value.trim() && isFinite(value)) ? "'" + value : value);
  const quoted = (value) => (/[",\r\n]/.test(value) ? '"' + value.replaceAll('"', '""') + '"' : value);
  const cell = (value) => quoted(safe(value));
  const csv = (columns, rows) => [columns, ...rows].map((row) => row.map((value) => cell(String(value))).join(",") + "\n").join("");
  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const saved = (name, place, command) => {
    document.getElementById("saved").textContent =
      "Your browser puts " + name + " into its downloads. Move it to " + place + ", and run there: " + command;
  };
  const saveAnswers = () => {
    const rows = Object.entries(state.answers).map(([key, answer]) => {
      const cut = key.indexOf("\n");
      return [key.slice(0, cut), key.slice(cut + 1), answer];
    });
    download("answers.csv", csv(known.columns.answers, rows));
    saved("answers.csv", "the folder of this report, report/", "adtool report --html");
  };
  const saveClasses = (key) => {
    const columns = known.columns.classes;
    const only = Object.keys(known.atlases).length === 1;
    const name = only ? "classes.csv" : known.atlases[key].category.replace(/[^\p{L}\p{N}._-]+/gu, "_") + "_classes.csv";
    const moves = Object.entries(state.moves[key]).map(([id, [from, into]]) => (
      { class: from, name: "", images: "1", example_id: id, action: "move", into }));
    download(name, csv(columns, [...state.rows[key], ...moves].map((row) => columns.map((column) => row[column]))));
    const category = only ? "" : " --category '" + known.atlases[key].category + "'";
    saved(name, "the workspace", "adtool discover" + category + " --review " + name + ", then adtool report --html");
  };

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

  // Pictures enlarged; Escape, the button and a click close them again.
  const large = document.getElementById("large");
  document.addEventListener("click", (event) => {
    if (event.target.closest("#large .pictures") || event.target === large) { large.close(); return; }
    const row = event.target.closest("button.pictures");
    if (!row) return;
    all("img", row).forEach(fill);
    large.querySelector(".id").textContent = row.dataset.says;
    offerMove(row);
    large.querySelector(".pictures").replaceChildren(...[...row.children].map((one) => one.cloneNode(true)));
    large.showModal();
  });

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
  const showClasses = (except) => {
    for (const card of all("article.class")) {
      const row = rowOf(card);
      const others = state.rows[card.dataset.atlas].filter((one) => one !== row && one.action !== "merge" && one.action !== "reject");
      const input = card.querySelector("input.name");
      if (input !== except) input.value = row.name;
      const select = card.querySelector("select.fate");
      select.replaceChildren(
        option("", "Keep as a class"),
        ...others.map((one) => option("merge " + one.class, "Merge into " + called(one))),
        option("reject ", "Reject: not a class"),
      );
      select.value = row.action === "merge" ? "merge " + row.into : row.action === "reject" ? "reject " : "";
      card.classList.toggle("merge", row.action === "merge");
      card.classList.toggle("reject", row.action === "reject");
      const twin = row.name && !row.action && others.find((one) => one.name === row.name);
      const into = row.action === "merge" && state.rows[card.dataset.atlas].find((one) => one.class === row.into);
      const note = into ? "Its " + row.images + " parts will count as " + called(into) + "."
        : row.action === "reject" ? "Its " + row.images + " parts will count as unknown."
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
    if (row.action) {
      for (const one of rows) {
        if (one.action === "merge" && one.into === row.class) { one.action = row.action; one.into = row.into; }
      }
    }
  };
  document.addEventListener("input", (event) => {
    const card = event.target.closest("article.class");
    if (!card) return;
    if (event.target.matches("input.name")) rowOf(card).name = event.target.value.trim();
    else if (event.target.matches("select.fate")) decide(card, event.target.value);
    keep();
    showClasses(event.target);
    showBar();
  });

  // All parts: find by name, show by decision. They stand in groups, of which the browser lays out only those in sight.
  const GROUP = 60; // full rows at two to six tiles a row
  const lists = all(".tiles").map((box) => ({ box, tiles: all(".tile", box) }));
  const arrange = (box, tiles) => {
    const groups = [];
    for (let i = 0; i < tiles.length; i += GROUP) {
      const group = document.createElement("ul");
      group.append(...tiles.slice(i, i + GROUP));
      groups.push(group);
      watcher.observe(group);
    }
    box.replaceChildren(...groups);
  };
  const find = document.getElementById("find");
  const show = document.getElementById("show");
  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (one) => {
      const text = one.title.toLowerCase();
      return words.every((word) => text.includes(word)) && (!show.value || one.dataset.flags.split(" ").includes(show.value));
    };
    let count = 0;
    let whole = 0;
    for (const { box, tiles } of lists) {
      const found = tiles.filter(fits);
      arrange(box, found);
      count += found.length;
      whole += tiles.length;
    }
    document.getElementById("found").textContent = count === whole ? "" : !count ? "No part fits: try a shorter part of its name, or show all." : count + " of " + whole + " parts";
  };
  lists.forEach(({ box, tiles }) => arrange(box, tiles));
  if (find) { find.addEventListener("input", filter); show.addEventListener("change", filter); }

  const showAll = () => { keep(); showAnswers(); showClasses(); showMoves(); showBar(); };
  showAll();
})();
