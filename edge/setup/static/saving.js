// What the bar at the bottom says: what is drawn and not saved, what is wrong, and what became of saving.
//
// "Saved" stands there only once the node has answered that the file is written; "in use" only once the camera's
// process shows that it goes by the very file that was written.

import * as api from "./api.js";
import { get, h } from "./dom.js";
import { language, t } from "./words.js";

const LATE_MS = 90_000;
const SHAPES = ["zone", "mask", "line", "rule"];
const broke = (error) => error instanceof api.Refused && error.status === 500;

export class Saving {
  // `told` has: page, dirty(), load(), redraw(), lead(problem), ask(title, text, yes, no), leave(): to the door.
  constructor(told) {
    Object.assign(this, { told, word: null, busy: false, unsure: false, pending: null });
    get("save").addEventListener("click", () => this.save());
  }

  // -- the bar ------------------------------------------------------------------------------------------------

  say(key, kind = "", given = {}, why = null) { this.word = { key, kind, given, why }; this.show(); }
  forget() { this.word = null; }

  show() {
    const { page } = this.told, dirty = this.told.dirty(), wrong = page.found.problems.filter((problem) => !problem.warning);
    const doubts = page.found.problems.filter((problem) => problem.warning && this.tabOf(problem)), here = wrong.filter((problem) => this.tabOf(problem));
    const bar = get("state"), word = this.word;
    const text = word ? [t(word.key, word.given), word.why?.[language()]]
      : here.length ? [t("wrong", { n: here.length })] : wrong.length ? [t("wrongElsewhere")]
      : [t(dirty ? "dirty" : "clean"), doubts.length ? t("doubts", { n: doubts.length }) : ""];
    const first = word && word.key !== "notSaved" ? null : here[0] ?? doubts[0];
    bar.replaceChildren(h("span", {}, text.filter(Boolean).join(" ")), ...(first ? [h("button", { type: "button", class: "link", onclick: () => this.told.lead(first) }, t("show"))] : []));
    get("savebar").classList.toggle("telling", Boolean(word) && word.key !== "saving");
    bar.className = word ? word.kind : wrong.length ? "wrong" : dirty ? "dirty" : "";
    get("save").disabled = this.busy || !(dirty || this.unsure) || wrong.length > 0;
    get("undo").hidden = this.busy || !dirty;
    this.showElsewhere(wrong.filter((problem) => !this.tabOf(problem)));
  }

  // On which tab something can be put right; null where the page cannot do that.
  tabOf(problem) {
    const section = /^(zone|mask|line|rule)\b/.exec(problem.path)?.[1];
    return section ?? (this.told.page.configuration?.thresholds.some((entry) => entry.path === problem.path) ? "try" : null);
  }

  showElsewhere(problems) {
    get("elsewhere").hidden = !problems.length;
    get("elsewhere").replaceChildren(h("p", {}, t("elsewhere", { n: problems.length })),
      h("ul", {}, problems.map((problem) => h("li", {}, problem.path ? h("code", {}, problem.place[language()]) : null, " ", problem[language()]))));
  }

  hold(busy) {
    this.busy = busy;
    get("room").inert = busy; // what was drawn meanwhile would be in neither the file nor the page
    if (busy) this.say("saving"); else this.show();
  }

  // -- saving -------------------------------------------------------------------------------------------------

  async save() {
    const { page } = this.told;
    if (this.busy) return;
    this.hold(true);
    try {
      // Saved again as the file has it already, it is written once more, and the camera told, perhaps for the first time.
      if (this.unsure && await this.landed()) await this.told.load();
      const answer = await api.save(page.configuration.revision, page.draft);
      this.unsure = false;
      if (answer.saved) return await this.saved(answer);
      page.found = { ...page.found, ...answer };
      this.told.redraw();
      const wrong = answer.problems.filter((problem) => !problem.warning), first = wrong.find((problem) => this.tabOf(problem));
      this.say(first ? "notSaved" : "notSavedElsewhere", "wrong", { n: wrong.length });
      if (first) this.told.lead(first);
    } catch (error) {
      const lost = !(error instanceof api.Refused); // the answer: it may be written all the same
      this.unsure = lost || broke(error) || error.code === "unsure";
      await this.failed(error, lost ? "e-lost" : broke(error) ? await this.lookAgain("e-broken-unknown") : "e-save");
    } finally { this.hold(false); }
  }

  async restore(version) {
    if (!await this.told.ask("restoreTitle", this.told.dirty() ? "restoreTextDirty" : "restoreText", "restore")) return;
    this.hold(true);
    try {
      const answer = await api.restore(this.told.page.configuration.revision, version.name);
      if (answer.saved) await this.saved(answer); else this.say("e-not-right", "wrong");
    } catch (error) {
      await this.failed(error, !(error instanceof api.Refused) ? "e-lost-restore" : broke(error) ? await this.lookAgain("e-lost-restore") : "e-save");
    } finally { this.hold(false); }
  }

  // What to say of a saving in which the node's software failed: its file tells, where that can be read.
  async lookAgain(unknown) {
    try {
      const landed = await this.landed();
      this.unsure = landed !== false;
      return landed ? "e-broken-written" : landed === false ? "e-broken-not" : unknown;
    } catch { return unknown; }
  }

  // Whether the file holds already what the page wants: a saving whose answer was lost. Null where it is something else.
  async landed() {
    const there = await api.configuration(), { page } = this.told;
    const plain = (drawn) => JSON.stringify(SHAPES.map((section) => drawn[section]), (key, value) => (key === "from" ? undefined : value));
    const set = Object.entries(page.draft.thresholds).every(([path, value]) => there.thresholds.some((entry) => entry.path === path && entry.value === value));
    if (there.revision === page.configuration.revision) return false;
    return set && plain(there) === plain(page.draft) ? true : null;
  }

  async saved(answer) {
    const { page } = this.told, at = new Date().toTimeString().slice(0, 5), chosen = page.chosen;
    this.unsure = false;
    try { await this.told.load(); } catch { return this.say("savedUnread", "good", { at }); }
    page.chosen = chosen && page.draft[chosen.section][chosen.index] ? chosen : null;
    this.told.redraw();
    const given = { at, ...Object.fromEntries(SHAPES.map((section) => [section, page.draft[section].length])) };
    const follows = answer.told && !answer.restart;
    this.pending = follows ? { given, revision: answer.revision, until: answer.running ? performance.now() + LATE_MS : Infinity } : null;
    const key = answer.restart ? "savedRestart" : !answer.told ? "savedUntold" : answer.running ? "savedSoon" : "savedLater";
    this.say(key, "good", given);
  }

  // With each look at the node: whether the camera goes by what was saved.
  heard(now) {
    if (!this.pending) return;
    const late = performance.now() > this.pending.until, { given, revision } = this.pending;
    const taken = now.taken_up === revision, since = now.saved && now.saved !== revision; // what is said of another saving is not about this one
    if (!taken && !late) return;
    this.pending = null;
    if (this.word?.key === "savedSoon" || this.word?.key === "savedLater") this.say(taken ? "savedNow" : since ? "savedSince" : "savedSlow", taken ? "good" : "wrong", given);
  }

  // What did not work, and what to do; `usual` is said where nothing better is known.
  async failed(error, usual = "e-other") {
    if (error.status === 401) { this.forget(); return this.told.leave("door-again"); }
    if (error.code === "changed") {
      this.say("e-changed", "wrong");
      this.busy = get("room").inert = false;
      if (await this.told.ask("changedTitle", "changedText", "reload", "stay")) await this.anew();
      return;
    }
    // What became of a saving says more than what went wrong.
    const told = usual.startsWith("e-lost") || usual.startsWith("e-broken");
    const key = told ? usual : error instanceof api.Refused ? `e-${error.code}` : "e-offline", known = t(key) !== key;
    this.say(known ? key : usual, "wrong", {}, error.answer?.[language()] ? error.answer : null);
  }

  async anew() {
    try { await this.told.load(); this.unsure = false; this.told.redraw(); } catch (error) { await this.failed(error); }
  }
}
