// The site's own script. Pages can be read and forms be sent without it. It adds news, keys,
// times in the viewer's zone, and charts that one can zoom.
"use strict";
(() => {
  const root = document.documentElement;
  const base = root.dataset.events.replace(/\/events$/, "");
  const typing = (el) => el && (el.matches("input, textarea, select") || el.isContentEditable);

  // Times: the server writes the dataset's zone; people read their own, and find the other in the title.
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const week = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
  const month = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const year = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  function short(at) {
    const days = Math.abs(Date.now() - at) / 86400000;
    if (at.toDateString() === new Date().toDateString()) return clock.format(at);
    return (days < 6 ? week : days < 180 ? month : year).format(at);
  }
  function localTimes(within) {
    for (const t of within.querySelectorAll("time[datetime]:not([title])")) {
      const at = new Date(t.dateTime);
      if (isNaN(at)) continue;
      t.title = t.textContent;
      if (!t.hasAttribute("data-as-is")) t.textContent = t.hasAttribute("data-short") ? short(at) : zoned.format(at);
    }
  }

  // News: a page is loaded again when something that it shows has changed, at most every five seconds.
  const kinds = (root.dataset.live || "").split(" ").filter(Boolean);
  const shown = root.dataset.datasets?.split("\n"); // the datasets that the page shows; undefined: any
  let waiting = null, heard = Date.now(), paused = false, last = 0;
  function stale() {
    const live = document.getElementById("live");
    if (!live) return;
    const old = Date.now() - heard > 15000;
    live.classList.toggle("old", old);
    live.textContent = paused ? "paused" : old ? "as of " + new Date(heard).toLocaleTimeString() + ", reconnecting" : "live";
  }
  // Somebody has a form open, or writes in it. News that were asked for before wait, too.
  function deciding() {
    const at = document.activeElement;
    return document.querySelector("main details.verb[open]") || typing(at) && at.closest("main form[method=post]");
  }
  document.addEventListener("htmx:before:swap", (e) => {
    if (deciding()) { e.preventDefault(); later(); }
  });
  function refresh() {
    waiting = null;
    if (paused || document.hidden) { waiting = false; return; }
    if (deciding()) { later(); return; }
    last = Date.now();
    htmx.ajax("GET", location.pathname + location.search, { target: "#main", select: "#main", swap: "outerMorph" });
    htmx.ajax("GET", location.pathname + location.search, { target: "#nav", select: "#nav", swap: "outerMorph" });
  }
  function later() {
    if (waiting) return;
    waiting = setTimeout(refresh, Math.max(300, 5000 - (Date.now() - last)));
  }
  function listen() {
    const source = new EventSource(root.dataset.events);
    const alive = () => { heard = Date.now(); stale(); };
    source.addEventListener("hello", alive);
    source.addEventListener("beat", alive);
    source.addEventListener("change", (e) => {
      alive();
      const news = JSON.parse(e.data);
      if (!news.kinds.some((k) => k === "summary" || kinds.includes(k))) return;
      if (shown && news.datasets && !news.datasets.some((name) => shown.includes(name))) return;
      later();
    });
    addEventListener("pagehide", () => source.close());
  }
  if (kinds.length && window.EventSource && document.getElementById("live")) {
    document.getElementById("live").hidden = false;
    document.getElementById("live").addEventListener("click", () => { paused = !paused; stale(); if (!paused) later(); });
    listen();
    setInterval(stale, 5000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden && waiting === false) { waiting = null; later(); } });
  }

  // Links of earlier versions lead to an incident's row on one page with all of them.
  const old = /^#incident-(.+)$/.exec(location.hash);
  if (old && !document.getElementById(location.hash.slice(1))) location.replace(base + "/incidents/" + old[1]);

  // Keys: none acts in a field, and none decides anything.
  const off = document.getElementById("keys-off"), list = document.getElementById("keys");
  off.checked = localStorage.getItem("keys") === "off";
  off.addEventListener("change", () => localStorage.setItem("keys", off.checked ? "off" : "on"));
  document.querySelectorAll(".keys").forEach((el) => { el.hidden = false; });
  const places = { o: "/", d: "/datasets", i: "/incidents", r: "/repairs", l: "/lineage", h: "/history" };
  let before = "";
  function move(step) {
    const rows = [...document.querySelectorAll("main a.name, main .need .what a, main .rows a.hit")].filter((a) => a.offsetParent);
    const at = rows.indexOf(document.activeElement);
    const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
    if (next) next.focus();
  }
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || off.checked && e.key !== "?") return;
    if (typing(e.target)) { if (e.key === "Escape") e.target.blur(); return; }
    if (list.open) return;
    const go = before === "g" && places[e.key];
    before = e.key;
    const verb = !go && document.querySelector(`main details.verb[data-key="${CSS.escape(e.key)}"]`);
    if (go) location.href = base + go;
    else if (verb) { verb.open = true; verb.querySelector("textarea, input:not([type=hidden]), button").focus(); e.preventDefault(); }
    else if (e.key === "/") { const f = document.querySelector("main input[type=search]") || document.getElementById("find"); if (f.offsetParent) { f.focus(); f.select(); e.preventDefault(); } }
    else if (e.key === "j") move(1);
    else if (e.key === "k") move(-1);
    else if (e.key === "?") list.showModal();
  });

  // Charts: a press on "Zoom" draws the values again, to be read point by point and zoomed by dragging.
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const span = (s) => s < 60 ? Math.round(s) + "s" : s < 3600 ? Math.round(s / 60) + "m" : s < 86400 ? +(s / 3600).toFixed(1) + "h" : +(s / 86400).toFixed(1) + "d";
  function options(data, width) {
    const write = (v) => v == null ? "–" : data.age ? span(v) : v.toLocaleString();
    const axis = { stroke: css("--text-3"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
    const quiet = { stroke: "transparent", width: 0, points: { show: false }, value: (u, v) => write(v) };
    return {
      width, height: 280, tzDate: (t) => uPlot.tzDate(new Date(t * 1000), data.zone),
      axes: [axis, { ...axis, size: 64, values: (u, all) => all.map(write) }],
      scales: { y: { range: (u, low, high) => [Math.min(0, low), high + (high - Math.min(0, low)) * 0.05 || 1] } },
      series: [{ label: "time" }, { label: "seen", stroke: css("--accent"), width: 1.5, value: (u, v) => write(v) },
        { label: "from", ...quiet }, { label: "to", ...quiet }],
      bands: [{ series: [3, 2], fill: css("--band") }],
      hooks: { draw: [(u) => {
        const c = u.ctx;
        c.save();
        c.beginPath();
        c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
        c.clip();
        c.strokeStyle = css("--fail");
        c.setLineDash([8, 6]);
        for (const at of data.limits || []) { const y = u.valToPos(at, "y", true); c.beginPath(); c.moveTo(u.bbox.left, y); c.lineTo(u.bbox.left + u.bbox.width, y); c.stroke(); }
        c.fillStyle = css("--fail-fill");
        c.globalAlpha = 0.12;
        for (const [from, to] of data.incidents || []) { const x = u.valToPos(from, "x", true); c.fillRect(x, u.bbox.top, u.valToPos(to, "x", true) - x, u.bbox.height); }
        c.restore();
      }] },
    };
  }
  async function zoom(figure) {
    const answer = await fetch(figure.dataset.series, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const data = await answer.json();
    if (data.times.length === 0) return;
    figure.setAttribute("hx-morph-skip", "");
    figure.replaceChildren();
    const plot = new uPlot(options(data, figure.clientWidth - 32), [data.times, data.values, data.low, data.high], figure);
    figure.tabIndex = 0;
    figure.setAttribute("aria-label", "Chart: left and right read point by point");
    figure.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!step) return;
      const at = Math.min(data.times.length - 1, Math.max(0, (plot.cursor.idx ?? data.times.length - (step > 0 ? 2 : 0)) + step));
      plot.setCursor({ left: plot.valToPos(data.times[at], "x"), top: plot.valToPos(data.values[at] ?? 0, "y") });
      e.preventDefault();
    });
    figure.focus();
  }
  function charts(within) {
    for (const figure of within.querySelectorAll("figure[data-series]")) {
      const table = figure.nextElementSibling?.querySelector("summary");
      if (!window.uPlot || !table || table.parentElement.previousElementSibling.matches(".zoom")) continue;
      const button = document.createElement("button");
      button.className = "btn zoom";
      button.type = "button";
      button.textContent = "Zoom";
      button.addEventListener("click", () => { button.hidden = true; zoom(figure); });
      figure.after(button);
    }
  }

  // Texts that are made to be copied get a button. Where the browser gives no clipboard, the text is selected.
  function copies(within) {
    for (const text of within.querySelectorAll("pre[data-copy]")) {
      if (text.nextElementSibling?.matches(".copy")) continue;
      const button = document.createElement("button");
      button.className = "btn copy";
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(text);
          button.textContent = "Selected: copy it by the keyboard";
        }
      });
      text.after(button);
    }
  }

  // Requests by script say which page they come from, as forms do.
  document.addEventListener("htmx:after:swap", () => ready());
  function ready() { localTimes(document); charts(document); copies(document); }
  ready();
})();
