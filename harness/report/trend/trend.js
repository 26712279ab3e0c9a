"use strict";
(() => {
  const root = document.documentElement;
  const all = (what, inside = document) => [...inside.querySelectorAll(what)];
  const one = (what, inside = document) => inside.querySelector(what);
  root.classList.add("script");

  const rows = all(".trend"), form = one(".filters");
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const filter = () => {
    const given = new FormData(form), verdicts = given.getAll("v");
    const words = (given.get("q") || "").toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !((!verdicts.length || verdicts.includes(row.dataset.verdict))
        && (!given.get("changed") || row.dataset.changes !== "0")
        && words.every((word) => texts.get(row).includes(word)));
      shown += !row.hidden;
    }
    one(".empty").hidden = shown > 0 || !rows.length;
    one(".shown").textContent = `${shown} of ${rows.length} cases`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  one('[data-do="theme"]').addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const target = decodeURIComponent(location.hash.slice(1));
  const wanted = rows.find((row) => row.dataset.case === target);
  if (wanted) { wanted.open = true; wanted.scrollIntoView(); }
})();
