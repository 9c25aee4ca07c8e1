// The panels beside the picture: lists of what is drawn, rules with their sliders, trials, former versions.
//
// Each takes the page (`page`: draft, configuration, actions) and returns elements. Inputs write into the draft at
// once; only what changes the list draws it anew, so that a finger on a slider is never let down.

import { h } from "./dom.js";
import { hoursEditor } from "./hours.js";
import { colourOf } from "./stage.js";
import { clock, language, moment, seconds, t } from "./words.js";

const MOST_DWELL_S = { intrusion: 60, loitering: 900, crowd: 600, obstruction: 1800 };
const problems = (path) => h("ul", { class: "problems", "data-problems": path });
const note = (key) => h("p", { class: "faint" }, t(key));
const dot = (section, index) => {
  const mark = h("span", { class: `dot-of ${section}` });
  mark.style.backgroundColor = section === "mask" ? "" : colourOf(section, index);
  return mark;
};

let fieldId = 0;
function field(label, input, path, hint = null) {
  input.id = `field-${++fieldId}`;
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, hint, path ? problems(path) : null);
}

const ADD = { zone: "addZone", mask: "addMask", line: "addLine" };
const ABOUT = { zone: "aboutZone", mask: "aboutMask", line: "aboutLine" };

export function shapesPanel(page, section) {
  const entries = page.draft[section];
  const add = page.drawing
    ? h("div", { class: "buttons" }, h("button", { type: "button", class: "quiet", onclick: page.cancelDrawing }, t("cancel")))
    : h("button", { type: "button", class: "add", onclick: () => page.beginDrawing(section) }, `+ ${t(ADD[section])}`);
  return [note(ABOUT[section]), add, entries.length ? null : h("p", { class: "empty" }, t("none")),
    ...entries.map((entry, index) => shapeCard(page, section, entry, index)), problems(section)];
}

function shapeCard(page, section, entry, index) {
  const path = `${section}[${index}]`, chosen = page.chosen?.section === section && page.chosen.index === index;
  const choose = () => page.choose(section, index);
  const name = h("input", {
    value: entry.name ?? "", maxLength: 80, autocomplete: "off", onfocus: () => { if (!chosen) page.choose(section, index, true); },
    oninput: (event) => page.rename(section, index, event.target.value),
  });
  const card = h("article", { class: `card${chosen ? " chosen" : ""}`, "data-card": path },
    h("div", { class: "head" }, h("button", { type: "button", class: "pick", "aria-pressed": String(chosen), "aria-label": entry.name || t(section), onclick: choose }, dot(section, index)),
      field(t("name"), name, `${path}.name`),
      h("button", { type: "button", class: "icon", "aria-label": `${t("remove")}: ${entry.name}`, title: t("remove"), onclick: () => page.remove(section, index) }, "🗑")),
    problems(`${path}.points`));
  if (!chosen) {
    if (section === "zone") card.append(h("div", { class: "buttons" }, h("button", { type: "button", class: "quiet", "aria-label": `${t("hours")}: ${entry.name}`, onclick: choose }, `${t("hours")} ▾`)));
    return card;
  }
  const buttons = h("div", { class: "buttons" });
  const about = { zone: { kind: "intrusion", zone: entry.name }, line: { kind: "crossing", line: entry.name } }[section];
  if (about && !page.draft.rule.some((rule) => rule[section] === entry.name)) buttons.append(h("button", { type: "button", class: "quiet", onclick: () => page.addRule(about) }, `+ ${t("addRuleHere")}`));
  if (section === "line") buttons.append(h("button", { type: "button", class: "quiet", onclick: () => { entry.points.reverse(); page.changed(); page.paint(); } }, `⇅ ${t("flip")}`));
  if (section !== "mask" || entry.points.length > 3) {
    const least = section === "line" ? 2 : 3;
    if (entry.points.length > least) buttons.append(h("button", { type: "button", class: "quiet", onclick: () => page.lessPoint() }, `− ${t("removePoint")}`));
  }
  if (buttons.childElementCount) card.append(buttons);
  if (section === "zone") {
    card.append(h("section", {}, h("h3", {}, t("hours")), hoursEditor(`${path}.opening_hours`, entry.opening_hours ?? [], (texts) => {
      if (texts.length) entry.opening_hours = texts; else delete entry.opening_hours;
      page.changed();
    }), problems(`${path}.opening_hours`), h("ul", { class: "reading", "data-reading": index })));
  }
  return card;
}

export function rulesPanel(page) {
  return [note("aboutRule"), h("button", { type: "button", class: "add", onclick: () => page.addRule() }, `+ ${t("addRule")}`),
    page.draft.rule.length ? null : h("p", { class: "empty" }, t("none")),
    ...page.draft.rule.map((rule, index) => ruleCard(page, rule, index)), problems("rule")];
}

function select(options, value, onchange) {
  const list = h("select", { onchange: (event) => onchange(event.target.value) });
  if (!options.some(([key]) => key === value)) options = [[value, value || t("choose")], ...options];
  list.append(...options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return list;
}

// A slider over a setting that may be left out; the word behind it says so.
function slider(label, path, { value, usual, min, max, step, shown, onchange }) {
  const words = (v) => (v === undefined ? `${shown(usual)} (${t("usual")})` : shown(v));
  const out = h("output", {}, words(value));
  const input = h("input", {
    type: "range", min, max, step, value: value ?? usual,
    oninput: (event) => { const v = Number(event.target.value); out.textContent = words(v); onchange(v); },
  });
  const node = field(label, input, path);
  node.classList.add("slide");
  node.insertBefore(out, input);
  input.setAttribute("aria-valuetext", words(value));
  input.addEventListener("input", () => input.setAttribute("aria-valuetext", out.textContent));
  return node;
}

function ruleCard(page, rule, index) {
  const path = `rule[${index}]`, usual = page.configuration.kinds[rule.kind], crossing = rule.kind === "crossing";
  const set = (key, value) => { if (value === undefined || value === "") delete rule[key]; else rule[key] = value; page.changed(); };
  const again = (key, value) => { set(key, value); page.redraw(); };
  const kinds = Object.keys(page.configuration.kinds).map((kind) => [kind, t(kind)]);
  const card = h("article", { class: `card rule${rule.enabled === false ? " off" : ""}`, "data-card": path },
    h("div", { class: "head two" },
      field(t("kind"), select(kinds, rule.kind, (kind) => page.changeKind(rule, kind)), `${path}.kind`),
      crossing
        ? field(t("whichLine"), select(page.draft.line.map((line) => [line.name, line.name]), rule.line ?? "", (name) => set("line", name)), `${path}.line`)
        : field(t("where"), select([["", t("everywhere")], ...page.draft.zone.map((zone) => [zone.name, zone.name])], rule.zone ?? "", (name) => set("zone", name)), `${path}.zone`),
      h("button", { type: "button", class: "icon", "aria-label": t("remove"), title: t("remove"), onclick: () => page.remove("rule", index) }, "🗑")),
    problems(path));
  card.append(labelBoxes(page, rule, usual, path, set));
  if (!crossing && usual) card.append(...timing(rule, usual, path, set, again));
  card.append(slider(t("sure"), `${path}.min_score`, {
    value: rule.min_score, usual: page.threshold("tracker.min_score"), min: 0.1, max: 0.95, step: 0.05, shown: percent, onchange: (v) => set("min_score", v),
  }));
  card.append(h("details", {}, h("summary", {}, t("ruleName")), field(t("name"), h("input", { value: rule.name ?? "", maxLength: 80, oninput: (e) => set("name", e.target.value) }), null)), problems(`${path}.name`));
  card.append(tick(t("enabled"), rule.enabled !== false, (on) => again("enabled", on ? undefined : false)));
  if (!crossing) card.append(tick(t("upload"), rule.upload === true, (on) => set("upload", on || undefined)));
  return card;
}

const percent = (v) => `${Math.round(v * 100)} %`;
const tick = (label, checked, onchange) => h("label", { class: "tick" }, h("input", { type: "checkbox", checked, onchange: (e) => onchange(e.target.checked) }), ` ${label}`);

function labelBoxes(page, rule, usual, path, set) {
  const wanted = new Set(rule.labels ?? usual?.labels ?? ["person"]);
  const boxes = page.configuration.labels.map((entry) => tick(entry[language()], wanted.has(entry.label), (on) => {
    if (on) wanted.add(entry.label); else wanted.delete(entry.label);
    const chosen = page.configuration.labels.map((one) => one.label).filter((label) => wanted.has(label));
    const same = usual && chosen.length === usual.labels.length && chosen.every((label) => usual.labels.includes(label));
    set("labels", same || !chosen.length ? undefined : chosen);
  }));
  return h("fieldset", {}, h("legend", {}, t("whom")), h("div", { class: "ticks" }, boxes), problems(`${path}.labels`));
}

function timing(rule, usual, path, set) {
  const during = ["closed", "open", "always"].map((when) => [when, t(when)]);
  const parts = [field(t("during"), select(during, rule.during ?? usual.during, (when) => set("during", when === usual.during ? undefined : when)), `${path}.during`)];
  const most = Math.max(MOST_DWELL_S[rule.kind] ?? 600, rule.dwell_s ?? 0), least = rule.kind === "intrusion" || rule.kind === "crowd" ? 0 : 5;
  parts.push(slider(t("dwell"), `${path}.dwell_s`, { value: rule.dwell_s, usual: usual.dwell_s, min: least, max: most, step: most > 300 ? 5 : 1, shown: seconds, onchange: (v) => set("dwell_s", v) }));
  if (rule.kind === "crowd") parts.push(slider(t("count"), `${path}.count`, { value: rule.count, usual: usual.count, min: 2, max: 50, step: 1, shown: String, onchange: (v) => set("count", v) }));
  parts.push(slider(t("cooldown"), `${path}.cooldown_s`, { value: rule.cooldown_s, usual: usual.cooldown_s, min: 5, max: Math.max(900, rule.cooldown_s ?? 0), step: 5, shown: seconds, onchange: (v) => set("cooldown_s", v) }));
  return parts;
}

export function tryPanel(page) {
  const busy = page.trying;
  return [h("h3", {}, t("tryTitle")), note("tryText"),
    h("button", { type: "button", class: "main wide", id: "try-now", disabled: busy, onclick: page.tryNow }, t(busy ? "trying" : "tryNow")),
    h("div", { id: "trial", role: "status" }, ...trial(page)),
    h("section", { class: "thresholds" }, h("h3", {}, t("thresholds")), page.configuration.thresholds.map((entry) => threshold(page, entry)))];
}

function threshold(page, entry) {
  const set = (value) => { page.draft.thresholds[entry.path] = value; page.changed(); };
  const value = page.draft.thresholds[entry.path] ?? entry.value;
  if (entry.choices.length) return field(t(entry.path), select(entry.choices.map((choice) => [choice, t(choice)]), value, set), entry.path);
  const shown = (v) => (entry.whole ? String(v) : percent(v)) + (v === entry.default ? ` (${t("usual")})` : "");
  return slider(t(entry.path), entry.path, { value, usual: entry.default, min: entry.min, max: entry.max, step: entry.whole ? 1 : 0.05, shown, onchange: set });
}

function trial(page) {
  const answer = page.trial;
  if (!answer || page.trying) return [];
  if (!answer.trial) return [h("p", { class: "problem" }, t("tryWrong"))];
  const { looks, tracks, covered_s: covered, outcomes, crossings, cut_short: cut } = answer.trial;
  if (!looks) return [h("p", { class: "empty" }, t("tryNothing"))];
  const parts = [h("p", { class: "sum" }, t("trySum", { looks, tracks, time: seconds(covered) }), outcomes.length ? ` ${t("tryAlerts", { n: outcomes.length })}` : ""), cut ? h("p", { class: "problem" }, t("tryCut")) : null];
  parts.push(outcomes.length ? h("ol", { class: "outcomes" }, outcomes.map(outcomeLine)) : h("p", { class: "empty" }, t("tryNone")));
  if (crossings.length) parts.push(h("h3", {}, t("crossings")), h("ul", { class: "outcomes" }, crossings.map((one) => h("li", {}, `${one.line}: ${one.count} ${t(`way_${one.direction}`)}`))));
  return parts.filter(Boolean);
}

const outcomeLine = (one) => h("li", {}, h("strong", {}, one.at ? clock(one.at) : t("ago", { n: seconds(one.ago_s) })), " ",
  h("b", {}, t(one.kind)), ` · ${one.zone || t("wholePicture")} · ${t("people", { n: one.count })} · ${percent(one.score)} · `,
  one.over ? t("lasted", { n: seconds(one.lasted_s) }) : t("still"));

export function versionsPanel(page) {
  const list = page.versions ?? [];
  return [note("versionsText"), list.length ? null : h("p", { class: "empty" }, t("noVersions")),
    ...list.map((version) => h("article", { class: "card version" },
      h("div", {}, h("strong", {}, t("until", { n: moment(version.replaced) })), h("p", { class: "faint" }, version.drawn.zone === undefined ? version.name : t("holds", version.drawn))),
      h("button", { type: "button", class: "quiet", "data-version": version.name, onclick: () => page.restore(version) }, t("restore"))))];
}
