"use strict";
(() => {
  const root = document.documentElement, body = document.body;
  const all = (what, inside = document) => [...inside.querySelectorAll(what)];
  const one = (what, inside = document) => inside.querySelector(what);
  root.classList.add("script");

  // What the browser may refuse to keep, such as in a private window, is kept for this visit.
  const kept = new Map();
  const keep = (name, value) => {
    kept.set(name, value);
    try { value === "" ? localStorage.removeItem(name) : localStorage.setItem(name, value); } catch { /* as said above */ }
  };
  const recall = (name) => {
    if (kept.has(name)) return kept.get(name);
    try { return localStorage.getItem(name) || ""; } catch { return ""; }
  };

  const cases = all(".case"), rows = all(".case-row"), groups = all(".group");
  const texts = new Map();
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, (item.dataset.case + " " + (one("summary, td:nth-child(5)", item) || item).textContent
      + " " + (one(".reason", item)?.textContent || "")).toLowerCase());
    return texts.get(item);
  };

  // Filters, with their state in the address.
  const form = one(".filters");
  const state = () => {
    const given = new FormData(form), words = new URLSearchParams();
    for (const name of ["v", "tag", "pipeline", "platform", "q"]) {
      const value = given.getAll(name).filter(Boolean).join(",");
      if (value) words.set(name, value);
    }
    return words;
  };
  const wanted = (item, words) => {
    const data = item.dataset, verdicts = words.get("v");
    return (!verdicts || verdicts.split(",").includes(data.verdict))
      && (!words.get("tag") || data.tag.split(" ").includes(words.get("tag")))
      && (!words.get("pipeline") || data.pipeline === words.get("pipeline"))
      && (!words.get("platform") || data.platform === words.get("platform"))
      && (words.get("q") || "").toLowerCase().split(/\s+/).every((word) => textOf(item).includes(word));
  };
  const filter = () => {
    const words = state();
    let shown = 0;
    for (const item of [...cases, ...rows]) {
      item.hidden = !wanted(item, words);
      shown += !item.hidden;
    }
    for (const group of groups) group.hidden = !one(".case:not([hidden])", group);
    const passes = one("#passes");
    if (passes) passes.hidden = rows.every((row) => row.hidden);
    one(".empty").hidden = shown > 0 || cases.length + rows.length === 0;
    one(".shown").textContent = `${shown} of ${cases.length + rows.length} cases`;
    if (current) words.set("case", current.dataset.case);
    // A page that is shown inside another, such as a preview of a mail, may have no address of its own.
    try { history.replaceState(null, "", words.size ? `#${words}` : location.pathname + location.search); } catch { /* as said above */ }
  };
  const restore = () => {
    const words = new URLSearchParams(location.hash.slice(1));
    form.reset();
    for (const box of all("[name=v]", form)) box.checked = (words.get("v") || "").split(",").includes(box.value);
    for (const name of ["tag", "pipeline", "platform", "q"]) {
      const field = form.elements[name];
      if (!field) continue;
      field.value = words.get(name) || "";
      if (field.selectedIndex === -1) field.value = "";  // the address names what this report does not have
    }
    filter();
    const item = cases.find((found) => found.dataset.case === words.get("case"));
    if (item && item !== current) go(item, true);
  };

  // The current case.
  let current = null;
  const go = (item, open) => {
    if (current) current.classList.remove("current");
    current = item;
    item.classList.add("current");
    if (open) item.open = true;
    one("summary", item).focus({preventScroll: true});
    item.scrollIntoView({block: "start"});
    filter();
  };
  const move = (by) => {
    const visible = cases.filter((item) => !item.hidden);
    if (!visible.length) return;
    const place = visible.indexOf(current);
    const next = visible[Math.min(visible.length - 1, Math.max(0, place + by))] || visible[0];
    if (current && current !== next) current.open = false;
    go(next, true);
  };

  // Pictures.
  const viewers = () => (current && current.open ? all(".viewer", current) : []);
  const show = (viewer, view, gain) => {
    if (!one(".layer.golden img", viewer) || !one(".layer.now img", viewer)) return;
    if (view === "change" && !one(".layer.change", viewer)) return;
    viewer.dataset.view = view;
    if (gain) viewer.dataset.gain = gain;
    for (const layer of all(".layer.change", viewer)) layer.classList.toggle("on", view === "change" && layer.dataset.gain === viewer.dataset.gain);
    for (const button of all(".views button", viewer))
      button.setAttribute("aria-pressed", String(button.dataset.view === view && (view !== "change" || button.dataset.gain === viewer.dataset.gain)));
    fit(viewer);
  };
  const flip = (viewer, side) => {
    viewer.dataset.side = side || (viewer.dataset.side === "now" ? "golden" : "now");
    const which = one(".which", viewer);
    if (which) which.textContent = viewer.dataset.side;
  };
  const gain = (viewer) => {
    const names = all(".layer.change", viewer).map((layer) => layer.dataset.gain);
    const place = viewer.dataset.view === "change" ? names.indexOf(viewer.dataset.gain) + 1 : names.indexOf(viewer.dataset.gain);
    show(viewer, "change", names[place % names.length]);
  };
  // The marks lie exactly over the picture, whatever its size on the screen is.
  const fit = (viewer) => {
    const spots = one(".spots", viewer), picture = one(".layer.now img", viewer);
    if (spots && picture) { spots.style.width = `${picture.clientWidth}px`; spots.style.height = `${picture.clientHeight}px`; }
  };
  const fitAll = () => all(".case[open] .viewer").forEach(fit);

  // A contact sheet as a flip-book: each frame is drawn over the sheet.
  const playing = new Map();
  const play = (button) => {
    const film = button.closest(".film"), viewer = one(".viewer", film);
    if (playing.has(film)) { clearInterval(playing.get(film).timer); playing.get(film).canvas.remove(); playing.delete(film); }
    else {
      const {frames, columns, width, height, fps} = Object.fromEntries(Object.entries(film.dataset).map(([name, value]) => [name, Number(value)]));
      const canvas = document.createElement("canvas"), scale = Math.max(1, Math.floor(256 / width));
      canvas.width = width; canvas.height = height; canvas.style.width = `${width * scale}px`;
      canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", "flip-book");
      viewer.before(canvas);
      let number = 0;
      const timer = setInterval(() => {
        const sheet = one(`.layer.${viewer.dataset.side} img`, viewer) || one(".layer img", viewer);
        const place = number++ % frames;
        canvas.getContext("2d").drawImage(sheet, place % columns * width, Math.floor(place / columns) * height, width, height, 0, 0, width, height);
      }, 1000 / fps);
      playing.set(film, {canvas, timer});
    }
    button.setAttribute("aria-pressed", String(playing.has(film)));
  };

  // Marks, kept under the captures that they are about.
  const markName = (item) => `harness:${body.dataset.key}:${item.dataset.case}`;
  const markOf = (item) => (one(".decide", item) ? recall(markName(item)) : "");
  const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
  const showMarks = () => {
    const marked = {yes: [], no: []};
    for (const item of cases) {
      const mark = markOf(item), told = one(".mine", item);
      told.hidden = !mark;
      told.className = `marked mine ${mark}`;
      told.textContent = mark === "yes" ? "✓ intended" : mark === "no" ? "✕ not intended" : "";
      for (const button of all(".decide button", item)) button.setAttribute("aria-pressed", String(button.dataset.do === mark));
      if (mark) marked[mark].push(item.dataset.case);
    }
    const bar = one(".marks"), place = one(".marks-commands");
    bar.hidden = !marked.yes.length && !marked.no.length;
    one(".marks-count").textContent = `${marked.yes.length} intended, ${marked.no.length} not intended`;
    const reason = one("[name=reason]", bar).value || "...", out = body.dataset.out ? ["--out", body.dataset.out] : [];
    place.replaceChildren();
    for (const [verb, found] of [["accept", marked.yes], ["reject", marked.no]]) {
      const ids = [...new Set(found)];  // a case of several platforms is there several times
      if (!ids.length) continue;
      const line = document.createElement("div"), code = document.createElement("code"), button = document.createElement("button");
      line.className = "cmd";
      code.tabIndex = 0;
      code.textContent = ["harness", verb, ...out, ...ids, ...(reason.startsWith("-") ? ["--reason=" + reason] : ["--reason", reason])].map(quote).join(" ");
      button.type = "button"; button.className = "copy"; button.dataset.do = "copy"; button.textContent = "Copy";
      line.append(code, button);
      place.append(line);
    }
  };
  const mark = (item, value) => {
    if (!item || !one(".decide", item)) return;
    keep(markName(item), markOf(item) === value ? "" : value);
    showMarks();
  };

  const copy = async (button) => {
    const code = one("code", button.parentElement);
    try { await navigator.clipboard.writeText(code.textContent); }
    catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  const theme = (name) => {
    if (name) root.dataset.theme = name;
    keep("harness:theme", name || "");
  };
  const help = one("dialog.help");
  const actions = {
    copy,
    play,
    help: () => help.showModal(),
    theme: () => theme((root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark" ? "light" : "dark"),
    flip: (button) => flip(button.closest(".viewer")),
    yes: (button) => mark(button.closest(".case"), "yes"),
    no: (button) => mark(button.closest(".case"), "no"),
    unmark: () => { cases.forEach((item) => keep(markName(item), "")); showMarks(); },
    reset: () => { form.reset(); filter(); },
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.do) actions[button.dataset.do]?.(button);
    else if (button?.dataset.view) show(button.closest(".viewer"), button.dataset.view, button.dataset.gain);
    else if (event.target.closest(".viewer[data-view=flip] .stage")) flip(event.target.closest(".viewer"));
  });
  document.addEventListener("input", (event) => {
    const given = event.target;
    if (given.form === form) filter();
    else if (given.name === "reason") showMarks();
    else if (given.dataset.do === "slide") given.closest(".viewer").style.setProperty("--at", `${given.value}%`);
    else if (given.dataset.do === "spots") given.closest(".viewer").classList.toggle("unmarked", !given.checked);
  });
  document.addEventListener("toggle", (event) => {
    const item = event.target;
    if (!item.classList?.contains("case") || !item.open) return;
    if (current !== item) { current?.classList.remove("current"); current = item; item.classList.add("current"); }
    fitAll();
  }, true);
  document.addEventListener("focusin", (event) => {
    const item = event.target.closest?.(".case");
    if (item && item !== current) { current?.classList.remove("current"); current = item; item.classList.add("current"); }
  });
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    y: () => mark(current, "yes"),
    n: () => mark(current, "no"),
    x: () => viewers().forEach(gain),
    1: () => viewers().forEach((viewer) => show(viewer, "flip")),
    2: () => viewers().forEach((viewer) => show(viewer, "side")),
    3: () => viewers().forEach((viewer) => show(viewer, "slide")),
    4: () => viewers().forEach((viewer) => show(viewer, "change")),
    ArrowLeft: () => viewers().forEach((viewer) => flip(viewer, "golden")),
    ArrowRight: () => viewers().forEach((viewer) => flip(viewer, "now")),
    "/": () => one("[name=q]").focus(),
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.matches("input")) event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || event.target.matches("input:not([type=checkbox]), select, textarea, audio")) return;
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : null;
    if (!act || (event.key.startsWith("Arrow") && !viewers().length)) return;
    event.preventDefault();
    act();
  });
  addEventListener("hashchange", restore);
  addEventListener("resize", fitAll);
  addEventListener("beforeprint", () => cases.forEach((item) => { item.open = true; }));
  form.addEventListener("submit", (event) => event.preventDefault());

  const saved = recall("harness:theme");
  if (saved) root.dataset.theme = saved;
  restore();
  showMarks();
  fitAll();
})();
