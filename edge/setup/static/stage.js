// The drawing over the picture: shapes, the points of the chosen one, and what the eye sees now.
//
// Coordinates are the picture's own, 0 to 1; the SVG's are 1000 wide. A point's dot is small, and what can be hit
// around it is 44 CSS pixels wide, for thumbs.

import { s } from "./dom.js";
import { FONT_PX, placed } from "./labels.js";
import { clamp, contains, crossesItself, middle, moved, round } from "./geometry.js";
import { language, t } from "./words.js";

const WIDE = 1000;
export const COLOURS = ["#ffd23f", "#3ddbc0", "#ff9a62", "#8ecbff", "#dcb0ff", "#b9e84f"];
export const colourOf = (section, index) => (section === "mask" ? "#ffffff" : section === "line" ? "#ff7ac2" : COLOURS[index % COLOURS.length]);
const STEP = 0.005, STRIDE = 0.025, SLACK_PX = 8;
const isLine = (section) => section === "line";
const drawable = (entry) => Array.isArray(entry.points) && entry.points.length > 1;
const shade = (section, index, entry) => (!isLine(section) && crossesItself(entry.points) ? "#ff4d4d" : colourOf(section, index));

export class Stage {
  // `told` has: draft(), chosen() → {section, index} or null, choose(section, index), changed(), drawn(section, points), cancelled().
  constructor(svg, told) {
    Object.assign(this, { svg, told, ratio: 0.75, now: null, showBoxes: true, drawing: null, drag: null, ghosts: [], focus: null });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.up(event));
    // What can be dragged must not scroll the page; anywhere else on the picture a thumb scrolls as usual.
    svg.addEventListener("touchstart", (event) => { if (this.holds(event.target)) event.preventDefault(); }, { passive: false });
    svg.addEventListener("pointercancel", () => this.letGo());
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("focusin", (event) => { this.focus = event.target.dataset?.focus ?? null; });
    new ResizeObserver(() => this.render()).observe(svg);
  }

  begin(section) { this.drawing = { section, points: [], here: null }; this.render(); }
  cancel() { this.drawing = null; this.render(); }
  finish() {
    const { section, points } = this.drawing;
    if (points.length < (isLine(section) ? 2 : 3)) return;
    this.drawing = null;
    this.told.drawn(section, points);
  }

  get px() { return WIDE / Math.max(this.svg.clientWidth, 1); } // SVG units in a CSS pixel

  holds(target) {
    const { role, section, index } = target.dataset ?? {}, chosen = this.told.chosen();
    if (this.drawing || role === "point" || role === "middle") return true;
    return role === "shape" && chosen?.section === section && chosen.index === Number(index);
  }

  at(event) {
    const box = this.svg.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  }

  points() {
    const chosen = this.told.chosen();
    return chosen ? this.told.draft()[chosen.section][chosen.index]?.points : null;
  }

  put(points) {
    const chosen = this.told.chosen();
    this.told.draft()[chosen.section][chosen.index].points = points;
    this.told.changed();
    this.render();
  }

  down(event) {
    if (event.button !== 0 || this.drag) return;
    const { role, section, index } = event.target.dataset ?? {};
    const from = this.at(event), start = [event.clientX, event.clientY];
    // A browser forgets a touch whose element is gone: what was touched stays, unseen, until it is let go.
    this.ghosts = [...this.svg.children];
    if (this.drawing) {
      if (role === "first") { event.preventDefault(); return this.finish(); }
      this.drag = { role: "new", from, start };
    } else if (role === "point") this.drag = { role, index: Number(index), from };
    else if (role === "middle") {
      const points = [...this.points()];
      points.splice(Number(index) + 1, 0, round(from));
      this.drag = { role: "point", index: Number(index) + 1, from };
      this.put(points);
    } else if (role === "shape") {
      const chosen = this.told.chosen();
      const isChosen = chosen?.section === section && chosen.index === Number(index);
      if (!isChosen) { this.drag = { role: "pick", section, index: Number(index), start }; return; }
      this.drag = { role, from, before: this.points() };
    } else return;
    this.svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  move(event) {
    if (!this.drag || this.drag.role === "pick") return;
    const here = this.at(event);
    if (this.drag.role === "point") {
      const points = [...this.points()];
      points[this.drag.index] = round(here);
      this.put(points);
    } else if (this.drag.role === "shape") {
      this.put(moved(this.drag.before, here[0] - this.drag.from[0], here[1] - this.drag.from[1]));
    } else if (Math.hypot(event.clientX - this.drag.start[0], event.clientY - this.drag.start[1]) > SLACK_PX) {
      this.drawing.here = here;
      this.render();
    }
  }

  up(event) {
    const drag = this.drag;
    this.letGo();
    const still = drag?.start && Math.hypot(event.clientX - drag.start[0], event.clientY - drag.start[1]) <= SLACK_PX;
    if (drag?.role === "pick" && still) return this.told.choose(drag.section, drag.index);
    if (drag?.role !== "new" || !this.drawing) return;
    const { section, points, here } = this.drawing;
    const dragged = here && !points.length;
    if (dragged) {
      this.drawing.points = isLine(section) ? [round(drag.from), round(here)]
        : [drag.from, [here[0], drag.from[1]], here, [drag.from[0], here[1]]].map(round);
    } else this.drawing.points = [...points, round(this.at(event))];
    this.drawing.here = null;
    if (dragged || (isLine(section) && this.drawing.points.length === 2)) this.finish();
    else this.render();
  }

  letGo() {
    this.drag = null;
    this.ghosts = [];
    this.render();
  }

  key(event) {
    if (this.drawing) { if (event.key === "Escape") this.told.cancelled(); return; }
    const { role, section, index } = event.target.dataset ?? {};
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key], step = event.shiftKey ? STRIDE : STEP;
    const chooses = role === "shape" && (event.key === "Enter" || event.key === " ");
    if (chooses) this.told.choose(section, Number(index));
    else if (way && role === "point") {
      const points = [...this.points()], [x, y] = points[index];
      points[index] = round([x + way[0] * step, y + way[1] * step]);
      this.put(points);
    } else if (way && role === "shape" && this.points()) this.put(moved(this.points(), way[0] * step, way[1] * step));
    else if (role === "point" && (event.key === "Delete" || event.key === "Backspace")) this.less(Number(index));
    else if (role === "middle" && (event.key === "Enter" || event.key === " ")) this.more(Number(index));
    else return;
    event.preventDefault();
  }

  more(index) {
    const points = [...this.points()];
    points.splice(index + 1, 0, round(middle(points[index], points[(index + 1) % points.length])));
    this.focus = `point-${index + 1}`;
    this.put(points);
  }

  less(index) {
    const points = this.points();
    if (!points || points.length <= (isLine(this.told.chosen().section) ? 2 : 3)) return;
    this.focus = `point-${Math.max(0, index - 1)}`;
    this.put(points.filter((_, n) => n !== index));
  }

  // -- what is to be seen ---------------------------------------------------------------------------------

  render() {
    const tall = WIDE * this.ratio;
    this.svg.setAttribute("viewBox", `0 0 ${WIDE} ${tall}`);
    this.svg.classList.toggle("drawing", Boolean(this.drawing));
    const had = this.svg.contains(document.activeElement) ? this.focus : null;
    const ghosts = this.drag ? this.ghosts : [];
    for (const child of [...this.svg.children]) if (ghosts.includes(child)) child.setAttribute("class", "ghost"); else child.remove();
    this.svg.append(this.patterns(), this.seen(), this.shapes(), this.names(), this.drawing ? this.sketch() : this.handles());
    if (had) this.svg.querySelector(`[data-focus="${had}"]`)?.focus({ preventScroll: true });
  }

  xy([x, y]) { return [x * WIDE, y * WIDE * this.ratio]; }
  path(points) { return points.map((point) => this.xy(point).map((v) => v.toFixed(1)).join(",")).join(" "); }

  patterns() {
    const size = 10 * this.px;
    return s("defs", {},
      s("pattern", { id: "hatch", width: size, height: size, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        s("rect", { width: size, height: size, fill: "#000", "fill-opacity": 0.72 }),
        s("rect", { width: size * 0.3, height: size, fill: "#fff", "fill-opacity": 0.35 })));
  }

  // Names stand above all shapes: that of the chosen one first, then what the group drew, then who is seen.
  names() {
    const draft = this.told.draft(), chosen = this.told.chosen(), px = this.px, pixels = (points) => points.map((point) => this.xy(point).map((v) => v / px));
    const wanted = [];
    for (const section of ["zone", "line", "mask"]) {
      draft[section].forEach((entry, index) => {
        if (!drawable(entry)) return;
        const count = section === "zone" ? this.within(entry.points) : 0, isChosen = chosen?.section === section && chosen.index === index;
        wanted.push({ name: entry.name ?? "", end: count ? ` · ${count}` : "", points: pixels(entry.points), colour: shade(section, index, entry), rank: isChosen ? 0 : 1 });
      });
    }
    for (const { track: { id, score, box: [y0, x0, y1, x1] }, firing } of this.followed()) {
      wanted.push({ name: px < 1.9 ? `${id} · ${Math.round(score * 100)}%` : String(id), points: pixels([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), colour: firing ? "#ff8d8d" : "#fff", rank: 2, roams: false });
    }
    const around = (places, reach) => pixels(places).map(([x, y]) => ({ x: x - reach, y: y - reach, w: 2 * reach, h: 2 * reach }));
    const shy = [...around((this.points() ?? []).filter(Array.isArray), 9), ...around(draft.line.filter(drawable).map(({ points: [a, b] }) => middle(a, b)), 22)];
    const found = placed(wanted.filter(({ name }) => name.trim()).sort((a, b) => a.rank - b.rank), {
      wide: WIDE / px, tall: (WIDE * this.ratio) / px, family: getComputedStyle(this.svg).fontFamily, shy,
    });
    return s("g", { class: "names", "aria-hidden": "true" }, ...found.flatMap((one) => this.label(one)));
  }

  label({ text, x, y, w, h, colour, from }) {
    const px = this.px, node = s("text", { x: (x + 3) * px, y: (y + h - 4.5) * px, fill: colour, stroke: "#0b1622", "stroke-width": 3.5 * px, "font-size": FONT_PX * px, class: "label" });
    node.textContent = text;
    if (!from) return [node];
    const to = [Math.min(Math.max(from[0], x), x + w), from[1] > y + h / 2 ? y + h : y];
    return [s("line", { x1: from[0] * px, y1: from[1] * px, x2: to[0] * px, y2: to[1] * px, stroke: colour, "stroke-width": 1.5 * px, "stroke-dasharray": `${3 * px} ${3 * px}`, class: "leader" }), node];
  }

  followed() {
    const firing = new Set((this.now?.findings ?? []).flatMap((finding) => finding.tracks));
    return this.showBoxes ? (this.now?.tracks ?? []).filter((track) => track.confirmed).map((track) => ({ track, firing: firing.has(track.id) })) : [];
  }

  seen() {
    const group = s("g", { class: "seen", "aria-hidden": "true" });
    if (!this.now || !this.showBoxes) return group;
    for (const [y0, x0, y1, x1] of this.now.regions ?? []) {
      const [x, y] = this.xy([x0, y0]), [right, bottom] = this.xy([x1, y1]);
      group.append(s("rect", { x, y, width: right - x, height: bottom - y, class: "motion" }));
    }
    for (const track of this.now.tracks ?? []) {
      const [y0, x0, y1, x1] = track.box, [x, y] = this.xy([x0, y0]), [right, bottom] = this.xy([x1, y1]);
      const firing = (this.now.findings ?? []).some((finding) => finding.tracks.includes(track.id));
      const kind = firing ? "fires" : track.confirmed ? "sure" : "unsure";
      group.append(s("rect", { x, y, width: right - x, height: bottom - y, class: `track ${kind}${track.unseen_s > 1 ? " hidden" : ""}` }));
    }
    return group;
  }

  within(points) {
    const feet = (this.now?.tracks ?? []).filter((track) => track.confirmed).map((track) => [(track.box[1] + track.box[3]) / 2, track.box[2]]);
    return feet.filter((foot) => contains(points, foot)).length;
  }

  shapes() {
    const group = s("g"), draft = this.told.draft(), chosen = this.told.chosen();
    for (const section of ["mask", "zone", "line"]) {
      draft[section].forEach((entry, index) => {
        if (!drawable(entry)) return;
        group.append(this.shape(section, index, entry, chosen?.section === section && chosen.index === index));
      });
    }
    return group;
  }

  shape(section, index, entry, isChosen) {
    const colour = shade(section, index, entry);
    const form = isLine(section) ? "polyline" : "polygon", points = this.path(entry.points);
    const group = s("g", { class: `shape-${section}` });
    group.append(s(form, { points, class: "casing", fill: "none" }));
    const body = s(form, {
      points, class: `shape${isChosen ? " chosen" : ""}`, stroke: colour, tabindex: 0, role: "button",
      fill: isLine(section) ? "none" : section === "mask" ? "url(#hatch)" : colour, "fill-opacity": section === "mask" ? 1 : isChosen ? 0.22 : 0.12,
      "aria-label": t("whole", { name: entry.name }), "aria-pressed": String(isChosen),
    });
    if (isLine(section)) {
      const wide = s(form, { points, fill: "none", stroke: "transparent", "stroke-width": 30 * this.px, class: `grip${isChosen ? " chosen" : ""}` });
      Object.assign(wide.dataset, { role: "shape", section, index });
      group.append(this.arrow(entry.points, colour), wide);
    }
    Object.assign(body.dataset, { role: "shape", section, index, focus: `shape-${section}-${index}` });
    group.append(body);
    return group;
  }

  // The way in leads from a line's left side to its right one, seen along it.
  arrow(points, colour) {
    const [a, b] = [this.xy(points[0]), this.xy(points[1])], [x, y] = middle(a, b);
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1, unit = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
    const [dx, dy] = [-unit[1], unit[0]], reach = 26 * this.px, wing = 8 * this.px;
    const tip = [x + dx * reach, y + dy * reach], back = [x + dx * reach * 0.5, y + dy * reach * 0.5];
    const corners = [tip, [back[0] + unit[0] * wing, back[1] + unit[1] * wing], [back[0] - unit[0] * wing, back[1] - unit[1] * wing]];
    return s("g", { class: "arrow" },
      s("line", { x1: x, y1: y, x2: back[0], y2: back[1], stroke: colour, "stroke-width": 3 * this.px }),
      s("polygon", { points: corners.map((corner) => corner.join(",")).join(" "), fill: colour, stroke: "#0b1622", "stroke-width": this.px }));
  }

  handles() {
    const group = s("g", { class: "handles" }), chosen = this.told.chosen(), points = this.points();
    if (!Array.isArray(points)) return group;
    const name = this.told.draft()[chosen.section][chosen.index].name, colour = colourOf(chosen.section, chosen.index);
    const last = isLine(chosen.section) ? points.length - 1 : points.length;
    for (let n = 0; n < last; n++) group.append(this.handle("middle", n, middle(points[n], points[(n + 1) % points.length]), t("middle", { n: n + 1 }), colour));
    points.forEach((point, n) => group.append(this.handle("point", n, point, t("dot", { n: n + 1, name }), colour)));
    return group;
  }

  handle(role, index, point, label, colour) {
    const [cx, cy] = this.xy(point), isPoint = role === "point";
    const node = s("g", { tabindex: isPoint ? 0 : -1, role: "button", "aria-label": label, class: `handle ${role}`, lang: language() },
      s("circle", { cx, cy, r: (isPoint ? 22 : 15) * this.px, fill: "transparent" }),
      s("circle", { cx, cy, r: (isPoint ? 8 : 5) * this.px, fill: isPoint ? colour : "#fff", class: "dot" }));
    for (const part of [node, ...node.children]) Object.assign(part.dataset, { role, index, focus: `${role}-${index}` });
    return node;
  }

  sketch() {
    const group = s("g", { class: "sketch" }), { section, points, here } = this.drawing;
    const corners = here && !points.length && this.drag
      ? (isLine(section) ? [this.drag.from, here] : [this.drag.from, [here[0], this.drag.from[1]], here, [this.drag.from[0], here[1]]]) : points;
    if (corners.length > 1) {
      group.append(s(corners === points || isLine(section) ? "polyline" : "polygon", { points: this.path(corners), class: "casing", fill: "none" }));
      group.append(s(corners === points || isLine(section) ? "polyline" : "polygon", { points: this.path(corners), stroke: "#fff", fill: "#fff", "fill-opacity": isLine(section) ? 0 : 0.15, class: "shape" }));
    }
    points.forEach((point, n) => {
      const [cx, cy] = this.xy(point), first = n === 0 && points.length > 2;
      for (const r of first ? [22, 9] : [6]) {
        const dot = s("circle", { cx, cy, r: r * this.px, fill: r === 22 ? "transparent" : "#fff", class: "dot" });
        if (first) dot.dataset.role = "first";
        group.append(dot);
      }
    });
    return group;
  }
}
