// Opening hours as rows that a thumb can set, and as the text that the configuration keeps.

import { h } from "./dom.js";
import { day, longDay, t } from "./words.js";

const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SPANS = String.raw`(off|\d\d:\d\d-\d\d:\d\d(?:,\d\d:\d\d-\d\d:\d\d)*)`;
const WEEK = new RegExp(String.raw`^(?:((?:Mo|Tu|We|Th|Fr|Sa|Su)[A-Za-z,-]*) )?${SPANS}$`);
const DATE = String.raw`(\d{4}) ([A-Z][a-z]{2}) (\d\d)`;
const DATED = new RegExp(String.raw`^${DATE}(?:-${DATE})? ${SPANS}$`);

function daysOf(text) {
  const days = new Set();
  for (const part of (text ?? "Mo-Su").split(",")) {
    const [first, last = first] = part.split("-").map((name) => DAYS.indexOf(name));
    if (first < 0 || last < 0) return null;
    for (let n = first; ; n = (n + 1) % 7) { days.add(n); if (n === last) break; }
  }
  return days;
}
const spansOf = (text) => (text === "off" ? [] : text.split(",").map((span) => span.split("-")));
const iso = (year, month, date) => `${year}-${String(MONTHS.indexOf(month) + 1).padStart(2, "0")}-${date}`;

// A text as a row: weekly, dated, or (written by hand, in another form) as it is.
export function rowOf(text) {
  const week = WEEK.exec(text), days = week && daysOf(week[1]);
  if (days) return { kind: "week", days, spans: spansOf(week[2]) };
  const dated = DATED.exec(text);
  if (dated && MONTHS.includes(dated[2])) {
    const first = iso(dated[1], dated[2], dated[3]);
    return { kind: "date", first, last: dated[4] ? iso(dated[4], dated[5], dated[6]) : first, spans: spansOf(dated[7]) };
  }
  return { kind: "text", text };
}

const dateText = (text) => { const [year, month, date] = text.split("-"); return `${year} ${MONTHS[month - 1]} ${date}`; };
const spansText = (spans) => (spans.length ? spans.map(([from, to]) => `${from}-${to === "00:00" ? "24:00" : to}`).join(",") : "off");

function daysText(days) {
  const sorted = [...days].sort((a, b) => a - b), parts = [];
  for (let n = 0; n < sorted.length; n++) {
    let m = n;
    while (sorted[m + 1] === sorted[m] + 1) m++;
    parts.push(m > n ? `${DAYS[sorted[n]]}-${DAYS[sorted[m]]}` : DAYS[sorted[n]]);
    n = m;
  }
  return parts.join(",");
}

export function textOf(row) {
  if (row.kind === "text") return row.text;
  if (row.kind === "week") return `${daysText(row.days)} ${spansText(row.spans)}`.trim();
  return `${dateText(row.first)}${row.last > row.first ? `-${dateText(row.last)}` : ""} ${spansText(row.spans)}`;
}

// `texts` are the zone's; `changed` is called with the new ones. A problem's place is [data-problems=PATH[n]].
export function hoursEditor(path, texts, changed) {
  const rows = texts.map(rowOf), box = h("div", { class: "hours" });
  const told = () => {
    const order = { week: 0, text: 1, date: 1 }; // dated ones come last, and override the week
    rows.sort((a, b) => order[a.kind] - order[b.kind]);
    changed(rows.map(textOf));
  };
  const draw = () => box.replaceChildren(
    rows.length ? "" : h("p", { class: "faint" }, t("noHours")),
    ...rows.map((row, n) => h("div", { class: `hours-row ${row.kind}` }, rowEditor(row, told, () => { rows.splice(n, 1); told(); draw(); }, draw),
      h("ul", { class: "problems", "data-problems": `${path}[${n}]` }))),
    h("div", { class: "buttons" },
      h("button", { type: "button", class: "quiet", onclick: () => { rows.push(freshWeek(rows)); told(); draw(); } }, `+ ${t("addWeek")}`),
      h("button", { type: "button", class: "quiet", onclick: () => { rows.push(freshDate()); told(); draw(); } }, `+ ${t("addDate")}`)));
  draw();
  return box;
}

function freshWeek(rows) {
  const taken = new Set(rows.flatMap((row) => (row.kind === "week" ? [...row.days] : [])));
  const free = DAYS.map((_, n) => n).filter((n) => !taken.has(n));
  return { kind: "week", days: new Set(free.length ? free : [6]), spans: [["05:00", "19:00"]] };
}
function freshDate() {
  const today = new Date().toLocaleDateString("sv-SE");
  return { kind: "date", first: today, last: today, spans: [] };
}

function rowEditor(row, told, remove, draw) {
  const away = h("button", { type: "button", class: "icon", "aria-label": t("remove"), title: t("remove"), onclick: remove }, "✕");
  if (row.kind === "text") {
    return [h("input", { value: row.text, spellcheck: false, "aria-label": t("asText"), oninput: (e) => { row.text = e.target.value; told(); } }), away];
  }
  return [row.kind === "week" ? dayButtons(row, told) : dateInputs(row, told, draw), away, spanInputs(row, told, draw)];
}

const dayButtons = (row, told) => h("div", { class: "days", role: "group" }, DAYS.map((_, n) => h("button", {
  type: "button", class: "day", "aria-pressed": String(row.days.has(n)), "aria-label": longDay(n),
  onclick: (event) => {
    if (row.days.has(n) && row.days.size > 1) row.days.delete(n); else row.days.add(n);
    event.currentTarget.setAttribute("aria-pressed", String(row.days.has(n)));
    told();
  },
}, day(n))));

const dateInputs = (row, told, draw) => h("div", { class: "dates" },
  h("input", { type: "date", value: row.first, "aria-label": t("from"), required: true, oninput: (e) => { if (e.target.value) { row.first = e.target.value; if (row.last < row.first) { row.last = row.first; draw(); } told(); } } }), "–",
  h("input", { type: "date", value: row.last, "aria-label": t("to"), required: true, oninput: (e) => { if (e.target.value) { row.last = e.target.value; told(); } } }),
  h("select", { "aria-label": t("opens"), onchange: (e) => { row.spans = e.target.value === "off" ? [] : [["05:00", "19:00"]]; told(); draw(); } },
    h("option", { value: "off", selected: !row.spans.length }, t("off")), h("option", { value: "open", selected: row.spans.length > 0 }, t("opens"))));

// Digits alone are enough on a phone: 0500 becomes 05:00.
function typed(input) {
  const digits = input.value.replace(/\D/g, "");
  if (digits.length === 4) input.value = `${digits.slice(0, 2)}:${digits.slice(2)}`;
  return input.value;
}

function spanInputs(row, told, draw) {
  if (!row.spans.length) return row.kind === "week" ? h("span", { class: "faint" }, t("off")) : null;
  const input = (span, n, label) => h("input", {
    value: span[n], inputMode: "numeric", maxLength: 5, placeholder: "05:00", autocomplete: "off", "aria-label": `${t(label)} (05:00)`,
    oninput: (event) => { span[n] = typed(event.target); told(); },
  });
  return h("div", { class: "spans" }, row.spans.map((span) => h("span", { class: "span" }, input(span, 0, "from"), "–", input(span, 1, "to"))),
    h("button", { type: "button", class: "quiet small", onclick: () => { row.spans.push(["20:00", "22:00"]); told(); draw(); } }, `+ ${t("moreHours")}`),
    row.spans.length > 1 ? h("button", { type: "button", class: "quiet small", onclick: () => { row.spans.pop(); told(); draw(); } }, "−") : null);
}
