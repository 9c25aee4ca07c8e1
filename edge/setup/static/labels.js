// Where the names stand on the picture: none covers another, and all of each is inside.
//
// Lengths here are CSS pixels; the picture is `wide` by `tall`.

const HIGH = 18, GAP = 3, EDGE = 3, SHARE = 0.62, LEAST = 48, FAR = 26;
const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();

export const FONT_PX = 13;

function width(text, family) {
  const key = `${family}|${text}`;
  if (!widths.has(key)) {
    if (widths.size > 2000) widths.clear(); // names change with every letter that is typed
    pen.font = `700 ${FONT_PX}px ${family}`;
    widths.set(key, pen.measureText(text).width + 6);
  }
  return widths.get(key);
}

// A name that would take most of the picture is cut; what follows it (how many are inside) stays.
function fitted(name, end, most, family) {
  if (width(name + end, family) <= most) return name + end;
  let kept = [...name];
  while (kept.length > 1 && width(`${kept.join("")}…${end}`, family) > most) kept = kept.slice(0, -1);
  return `${kept.join("").trimEnd()}…${end}`;
}

const meet = (a, b) => a.x < b.x + b.w + GAP && b.x < a.x + a.w + GAP && a.y < b.y + b.h + GAP && b.y < a.y + a.h + GAP;

// Beside its shape, best first: above its top, below its bottom, inside at its top, at each corner.
function beside(points, w) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  const top = points.reduce((best, p) => (p[1] < best[1] ? p : best)), bottom = points.reduce((best, p) => (p[1] > best[1] ? p : best));
  const left = Math.min(...xs), right = Math.max(...xs), centre = (left + right) / 2, y = Math.min(...ys);
  const places = [[top[0], y - HIGH - 5], [left, y - HIGH - 5], [right - w, y - HIGH - 5], [centre - w / 2, y + 6], [left + 6, y + 6], [right - w - 6, y + 6],
    [bottom[0] - w / 2, Math.max(...ys) + 5], [centre - w / 2, (y + Math.max(...ys) - HIGH) / 2]];
  for (const [x, at] of points) places.push([x + 8, at - HIGH / 2], [x - w - 8, at - HIGH / 2]);
  return places;
}

// The rest of the picture, nearest first, for a name that has no room beside its shape.
function anywhere([x, y], w, wide, tall) {
  const places = [];
  for (let at = EDGE; at + HIGH <= tall; at += HIGH / 2) for (let from = EDGE; from + w <= wide; from += 12) places.push([from, at]);
  const far = ([a, b]) => Math.hypot(a + w / 2 - x, b + HIGH / 2 - y);
  return places.sort((a, b) => far(a) - far(b));
}

// `wanted`, the most important first: { name, end, points (in pixels), colour, roams: whether it may stand far away }.
// `shy` is where a name stands only if there is no other place. Returns { text, x, y, w, h, colour, from }; `from` is
// where a name belongs that had to go far. What finds no room has no name: the list beside the picture has it.
export function placed(wanted, { wide, tall, family, shy = [] }) {
  const done = [], most = Math.max(60, wide * SHARE);
  const free = (box) => !done.some((other) => meet(box, other));
  const inside = (w) => ([x, y]) => ({ x: Math.min(Math.max(x, EDGE), wide - w - EDGE), y: Math.min(Math.max(y, EDGE), tall - HIGH - EDGE), w, h: HIGH });
  for (const { name, end = "", points, colour, roams = true } of wanted) {
    const xs = points.map((p) => p[0]), own = Math.max(LEAST, Math.max(...xs) - Math.min(...xs));
    let text = "", box = null;
    // Cut to its shape's width before it goes elsewhere: in the midst of another shape it would name that one.
    for (const length of own < most ? [most, own] : [most]) {
      text = fitted(name, end, length, family);
      const w = width(text, family), near = beside(points, w).map(inside(w)).filter(free);
      box = near.find((one) => !shy.some((other) => meet(one, other))) ?? near[0];
      if (box) break;
    }
    let from = null;
    if (!box && roams) {
      const w = width(text, family);
      box = anywhere(points[0], w, wide, tall).map(inside(w)).find(free);
      if (box) from = points.reduce((best, p) => (reach(box, p) < reach(box, best) ? p : best));
    }
    if (box) done.push({ ...box, text, colour, from: from && reach(box, from) > FAR ? from : null });
  }
  return done;
}

const reach = (box, [x, y]) => Math.hypot(Math.max(box.x - x, 0, x - box.x - box.w), Math.max(box.y - y, 0, y - box.y - box.h));
