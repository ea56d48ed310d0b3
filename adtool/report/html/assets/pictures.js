// The first of the scripts, which are joined into one function: pictures, enlarged ones, and the list of all parts.

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
