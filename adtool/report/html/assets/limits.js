// The limit: what each would decide, as it was counted when the page was made, and the command that chooses it.

const stopsOf = new Map(all(".slider").map((box) => [box, JSON.parse(box.querySelector("script").textContent)]));
const showLimit = (box, place) => {
  const stops = stopsOf.get(box);
  const input = box.querySelector("input");
  input.value = place;
  input.setAttribute("aria-valuetext", stops.at[place]);
  box.querySelector(".at").textContent = stops.at[place] + (place === stops.now && stops.in_force ? " (in force)" : "");
  box.querySelector(".said").textContent = stops.says[place];
  box.querySelector(".command").textContent = stops.command.join(stops.at[place]);
  box.querySelector(".back").disabled = place === stops.now;
  box.querySelector(".copied").textContent = "";
};
const copy = async (box) => { // a browser may forbid it for files: then the text is marked, to be copied by hand
  const code = box.querySelector(".command");
  const line = box.querySelector(".copied");
  try {
    await navigator.clipboard.writeText(code.textContent);
    line.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(code);
    line.textContent = "Marked: copy it with Ctrl+C.";
  }
};
for (const [box, { now }] of stopsOf) {
  const input = box.querySelector("input");
  input.addEventListener("input", () => showLimit(box, Number(input.value)));
  box.querySelector(".copy").addEventListener("click", () => copy(box));
  box.querySelector(".back").addEventListener("click", () => { showLimit(box, now); input.focus(); });
  showLimit(box, now);
  box.hidden = false;
}
