// The page: its state, what changes it, and the two rhythms: the live picture, and checking what was drawn.

import * as api from "./api.js";
import { get, h } from "./dom.js";
import { rulesPanel, shapesPanel, tryPanel, versionsPanel } from "./panels.js";
import { Saving } from "./saving.js";
import { Stage } from "./stage.js";
import { language, setLanguage, t } from "./words.js";

const TABS = ["zone", "mask", "line", "rule", "try", "versions"];
const LOOK_MS = 500, AWAY_MS = 2000, CHECK_MS = 350;
const copy = (value) => JSON.parse(JSON.stringify(value));

const page = {
  configuration: null, draft: null, saved: "", tab: "zone", chosen: null, drawing: false, found: { problems: [], hours: [] },
  trial: null, trying: false, versions: null, now: null,

  choose(section, index, quietly = false) {
    page.chosen = section && index !== null ? { section, index } : null;
    if (section && page.tab !== section) page.tab = section;
    redraw(quietly ? `[data-card="${section}[${index}]"] input` : null);
    get("panel").querySelector(".card.chosen")?.scrollIntoView({ block: "nearest" });
  },
  rename(section, index, name) {
    const entry = page.draft[section][index], before = entry.name, key = section === "mask" ? null : section;
    entry.name = name;
    if (key) for (const rule of page.draft.rule) if (rule[key] === before && before) rule[key] = name; // a rule goes with its zone
    page.changed();
    page.paint();
  },
  remove(section, index) {
    page.draft[section].splice(index, 1);
    page.chosen = null;
    page.changed();
    redraw();
  },
  addRule(about = null) {
    const zone = page.draft.zone.find((entry) => !page.draft.rule.some((rule) => rule.zone === entry.name));
    page.draft.rule.push(about ?? { kind: "intrusion", ...(zone ? { zone: zone.name } : {}) });
    Object.assign(page, { tab: "rule", chosen: null });
    page.changed();
    redraw(`[data-card="rule[${page.draft.rule.length - 1}]"] select`);
  },
  changeKind(rule, kind) {
    for (const key of ["labels", "during", "dwell_s", "count", "cooldown_s", ...(kind === "crossing" ? ["zone", "upload"] : ["line"])]) delete rule[key];
    rule.kind = kind;
    if (kind === "crossing" && page.draft.line.length === 1) rule.line = page.draft.line[0].name;
    page.changed();
    redraw();
  },
  beginDrawing(section) {
    page.drawing = true;
    page.chosen = null;
    stage.begin(section);
    hint(t(section === "line" ? "drawLine" : "drawArea"));
    redraw();
    get("stage").scrollIntoView({ block: "nearest" });
  },
  cancelDrawing() {
    page.drawing = false;
    stage.cancel();
    hint("");
    redraw();
  },
  lessPoint() { stage.less(page.draft[page.chosen.section][page.chosen.index].points.length - 1); redraw(); },
  threshold(path) { return page.draft.thresholds[path] ?? page.configuration.thresholds.find((entry) => entry.path === path)?.value; },
  paint() { stage.render(); },
  redraw: () => redraw(),
  changed,
  async tryNow() {
    page.trying = true;
    redraw();
    try { page.trial = await api.attempt(page.draft); } catch (error) { saving.failed(error); } finally { page.trying = false; }
    redraw("#try-now");
  },
  async restore(version) {
    await saving.restore(version);
    await showVersions();
  },
};

const stage = new Stage(get("drawing"), {
  draft: () => page.draft ?? { zone: [], mask: [], line: [] },
  chosen: () => page.chosen,
  choose: page.choose,
  changed: () => changed(),
  drawn(section, points) {
    const taken = new Set(page.draft[section].map((entry) => entry.name));
    let n = page.draft[section].length + 1;
    const name = () => t({ zone: "newZone", mask: "newMask", line: "newLine" }[section], { n });
    while (taken.has(name())) n += 1;
    page.draft[section].push({ name: name(), points });
    page.drawing = false;
    hint("");
    changed();
    page.choose(section, page.draft[section].length - 1);
    const input = get("panel").querySelector(".card.chosen .field input");
    input?.focus({ preventScroll: true });
    input?.select();
  },
  cancelled: page.cancelDrawing,
});
const saving = new Saving({
  page, dirty: () => isDirty(), load: () => load(), redraw: () => redraw(), lead: (problem) => lead(problem), ask: (...words) => ask(...words), leave: (word) => showDoor(word),
});

// -- drawing the panel ---------------------------------------------------------------------------------------

function redraw(focus = null) {
  const tabs = get("tabs");
  tabs.replaceChildren(...TABS.map((tab) => h("button", {
    type: "button", role: "tab", id: `tab-${tab}`, "aria-selected": String(tab === page.tab), tabIndex: tab === page.tab ? 0 : -1, "aria-controls": "panel",
    onclick: () => openTab(tab),
  }, t(tab), badge(tab))));
  tabs.scrollLeft = Math.max(0, get(`tab-${page.tab}`).offsetLeft - 60);
  const panels = { rule: rulesPanel, try: tryPanel, versions: versionsPanel };
  const parts = panels[page.tab] ? panels[page.tab](page) : shapesPanel(page, page.tab);
  get("panel").setAttribute("aria-labelledby", `tab-${page.tab}`);
  get("panel").replaceChildren(...parts.flat().filter(Boolean));
  if (focus) get("panel").querySelector(focus)?.focus({ preventScroll: true });
  showProblems();
  stage.render();
}

function badge(tab) {
  const wrong = page.found.problems.some((problem) => !problem.warning && saving.tabOf(problem) === tab);
  if (wrong) return h("span", { class: "badge bad", "aria-label": t("warning") }, "!");
  const count = page.draft?.[tab]?.length;
  return count ? h("span", { class: "badge" }, String(count)) : null;
}

async function openTab(tab) {
  page.tab = tab;
  if (page.drawing) page.cancelDrawing();
  page.chosen = null;
  redraw();
  get(`tab-${tab}`).focus({ preventScroll: true });
  if (tab === "versions") await showVersions();
}
async function showVersions() {
  try { page.versions = await api.versions(); } catch (error) { saving.failed(error); }
  redraw();
}

get("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) openTab(TABS[(TABS.indexOf(page.tab) + step + TABS.length) % TABS.length]);
});

// -- changing, checking, saving ------------------------------------------------------------------------------

const isDirty = () => page.draft !== null && JSON.stringify(page.draft) !== page.saved;
let checking = 0;

function changed() {
  saving.forget();
  saving.show();
  clearTimeout(checking);
  checking = setTimeout(checkNow, CHECK_MS);
}

async function checkNow() {
  if (saving.busy) return; // saving checks too, and what it finds is newer
  const sent = JSON.stringify(page.draft);
  try {
    const found = await api.check(page.draft);
    if (saving.busy) return;
    if (sent === JSON.stringify(page.draft)) page.found = found;
    if (saving.word?.key === "e-offline") saving.forget();
  } catch (error) {
    if (!error.status) checking = setTimeout(checkNow, AWAY_MS);
    return saving.busy ? undefined : saving.failed(error);
  }
  showProblems();
}

function showProblems() {
  const places = new Map([...document.querySelectorAll("[data-problems]")].map((node) => [node.dataset.problems, node]));
  for (const node of places.values()) node.replaceChildren();
  for (const problem of page.found.problems) {
    let path = problem.path;
    while (path && !places.has(path)) path = path.replace(/(\[\d+\]|\.?[^.[]+)$/, "");
    places.get(path)?.append(h("li", { class: problem.warning ? "doubt" : "wrong" }, problem[language()]));
  }
  for (const node of document.querySelectorAll("[data-reading]")) {
    const lines = page.found.hours?.[node.dataset.reading]?.[language()] ?? [];
    node.replaceChildren(...lines.map((line) => h("li", {}, line)));
  }
  for (const tab of TABS) {
    const button = get(`tab-${tab}`);
    button?.querySelector(".badge")?.remove();
    const mark = badge(tab);
    if (mark && button) button.append(mark);
  }
  saving.show();
}

// To where a problem can be put right: its tab, its card, and the sentence itself in view.
function lead(problem) {
  const tab = saving.tabOf(problem), index = /^\w+\[(\d+)\]/.exec(problem.path)?.[1];
  if (["zone", "mask", "line"].includes(tab) && index !== undefined) page.choose(tab, Number(index));
  else { page.tab = tab; page.chosen = null; redraw(); }
  const told = [...get("panel").querySelectorAll(".problems li")].find((item) => item.textContent === problem[language()]);
  told?.scrollIntoView({ block: "center" });
}

get("undo").addEventListener("click", async () => { if (await ask("undoTitle", "undoText", "undo")) await saving.anew(); });

async function load() {
  page.configuration = await api.configuration();
  const { zone, mask, line, rule } = page.configuration;
  page.draft = copy({ zone, mask, line, rule, thresholds: {} });
  page.saved = JSON.stringify(page.draft);
  page.chosen = null;
  page.found = { problems: page.configuration.problems, hours: [] };
  get("place").textContent = `${page.configuration.place} · ${page.configuration.node}`;
  changed();
}

// -- the live picture ----------------------------------------------------------------------------------------

// On a phone the picture stays in view, and the tabs below it.
new ResizeObserver(([entry]) => document.documentElement.style.setProperty("--view", `${Math.round(entry.target.offsetHeight)}px`)).observe(document.querySelector(".view"));
new ResizeObserver(([entry]) => document.documentElement.style.setProperty("--bar", `${Math.max(64, Math.round(entry.target.offsetHeight))}px`)).observe(get("savebar"));

let shownAt = 0, used = true;
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

async function watch() {
  for (;;) {
    await pause(document.hidden ? AWAY_MS : LOOK_MS);
    if (document.hidden || get("room").hidden) continue;
    try {
      const now = await api.now(used);
      used = false;
      await showNow(now);
    } catch (error) {
      if (error.status === 401) showDoor("door-again");
      else { get("live").textContent = t("offline"); get("live").className = "wrong"; }
    }
  }
}

async function showNow(now) {
  const fresh = now.fresh, nothing = get("nothing"), picture = get("picture");
  page.now = now;
  saving.heard(now);
  if (now.width) stage.ratio = now.height / now.width;
  get("stage").style.setProperty("--ratio", String(stage.ratio));
  stage.now = fresh ? now : null;
  if (fresh && now.at_ns !== shownAt) {
    shownAt = now.at_ns;
    picture.src = `/api/picture?at=${now.at_ns}`;
    await picture.decode().catch(() => undefined);
  }
  picture.classList.toggle("stale", !fresh);
  nothing.hidden = fresh || page.drawing;
  get("boxes").closest("label").hidden = !fresh;
  if (!fresh) nothing.textContent = t(!page.configuration?.camera ? "noCamera" : !now.asked ? "notAsked" : performance.now() < 4000 ? "waiting" : "noPicture");
  if (!stage.drag) stage.render();
  showLive(now, fresh);
}

function showLive(now, fresh) {
  const live = get("live"), tracks = (now.tracks ?? []).filter((track) => track.confirmed).length;
  live.className = fresh ? "on" : "";
  const held = { learning: t("heldLearning"), light: t("heldLight") }[now.held] ?? (now.held ? t("held", { n: now.held }) : "");
  live.textContent = fresh ? [t("live"), now.local?.slice(11, 19), matchMedia("(min-width: 600px)").matches ? t("seen", { n: now.frames_per_second }) : "", tracks ? t("tracked", { n: tracks }) : t("nobody"), held].filter(Boolean).join(" · ") : "";
  get("zones-now").replaceChildren(...(fresh ? now.zones ?? [] : []).map((zone) => {
    const state = zone.open === null ? t("noClock") : t(zone.open ? "isOpen" : "isClosed");
    return h("li", { class: zone.firing.length ? "fires" : "" }, h("strong", {}, zone.name || t("wholePicture")), ` ${state}`,
      zone.inside.length ? ` · ${t("inside", { n: zone.inside.length })}` : "", zone.firing.length ? h("b", {}, ` ${t("fires")}`) : null);
  }));
  get("faults").replaceChildren(...(now.faults ?? []).map((fault) => h("li", {}, fault[language()])));
}

for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { used = true; }, { passive: true, capture: true });

// -- coming in, language, dialogs ----------------------------------------------------------------------------

function hint(text) { get("hint").textContent = text; get("hint").hidden = !text; }

function showDoor(problem = "") {
  for (const id of ["room", "savebar"]) get(id).hidden = true;
  for (const node of document.querySelectorAll(".inside")) node.hidden = true;
  get("place").textContent = "";
  get("door").hidden = false;
  get("door-problem").textContent = problem ? t(problem) : "";
  get("code").focus();
}

async function showRoom() {
  if (!isDirty()) await load(); // what somebody drew before the session was over is still there
  get("door").hidden = true;
  for (const id of ["room", "savebar"]) get(id).hidden = false;
  for (const node of document.querySelectorAll(".inside")) node.hidden = false;
  redraw();
}

get("code").addEventListener("input", (event) => {
  const plain = event.target.value.toUpperCase().replace(/[^A-Z0-9]/g, "").slice(0, 8);
  event.target.value = plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
});
get("key").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await api.enter(get("code").value);
    get("code").value = "";
    await showRoom();
  } catch (error) {
    const key = `door-${error.code}`;
    get("door-problem").textContent = t(key) === key ? refusal(error) : t(key, { n: error.answer?.wait_s });
  }
});
// Why the room cannot be entered, where it is not for the code.
function refusal(error) {
  const key = error.status ? `e-${error.code}` : "offline", why = error.answer?.[language()];
  return [t(key) === key ? t("e-other") : t(key), why].filter(Boolean).join(" ");
}

get("leave").addEventListener("click", async () => {
  if (isDirty() && !await ask("leaveTitle", "leaveText", "leave")) return;
  await api.leave().catch(() => undefined);
  page.draft = null;
  showDoor();
});
get("boxes").addEventListener("change", (event) => { stage.showBoxes = event.target.checked; stage.render(); });

function speak(code) {
  setLanguage(code);
  document.title = `tuquan · ${t("title")}`;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  get("language").textContent = t("other");
  get("notice").href = `/notice?language=${language()}`;
  if (page.draft) redraw();
}
get("language").addEventListener("click", () => {
  const code = language() === "vi" ? "en" : "vi";
  try { localStorage.setItem("tuquan-language", code); } catch { /* a browser that keeps nothing */ }
  speak(code);
});

function ask(title, text, yes, no = "cancel") {
  const dialog = get("dialog");
  for (const [id, key] of [["dialog-title", title], ["dialog-text", text], ["dialog-yes", yes], ["dialog-no", no]]) get(id).textContent = t(key);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}
get("dialog-yes").addEventListener("click", () => get("dialog").close("yes"));
get("dialog-no").addEventListener("click", () => get("dialog").close(""));
addEventListener("beforeunload", (event) => { if (isDirty() || saving.busy) event.preventDefault(); });

async function start() {
  let kept = null;
  try { kept = localStorage.getItem("tuquan-language"); } catch { /* the same */ }
  speak(kept ?? "vi");
  try {
    const session = await api.session();
    speak(kept ?? session.language);
    if (session.in) await showRoom(); else showDoor();
  } catch (error) { showDoor(); get("door-problem").textContent = refusal(error); }
  watch();
}
start();
