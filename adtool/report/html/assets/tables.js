// Tables to save: answers.csv and classes.csv, as `adtool report` and `adtool discover --review` read them.

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
  saved("answers.csv", "the folder of this report, report/", "adtool decide --answers report/answers.csv, which moves the limit, then adtool report --html");
};
const saveClasses = (key) => {
  const columns = known.columns.classes;
  const only = Object.keys(known.atlases).length === 1;
  const name = only ? "classes.csv" : known.atlases[key].category.replace(/[^\p{L}\p{N}._-]+/gu, "_") + "_classes.csv";
  const moves = Object.entries(state.moves[key]).map(([id, [from, into]]) => (
    { class: from, name: "", images: "1", example_id: id, action: "move", into }));
  download(name, csv(columns, [...state.rows[key], ...moves].map((row) => columns.map((column) => row[column] ?? ""))));
  const category = only ? "" : " --category '" + known.atlases[key].category + "'";
  saved(name, "the workspace", "adtool discover" + category + " --review " + name + ", then adtool report --html");
};
