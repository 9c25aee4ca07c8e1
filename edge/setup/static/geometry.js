// What can be told of a shape at once, while a finger still drags it. The node has the last word when it checks.

const turn = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

function meet(a, b, c, d) {
  const abc = turn(a, b, c), abd = turn(a, b, d), cda = turn(c, d, a), cdb = turn(c, d, b);
  return abc * abd < 0 && cda * cdb < 0;
}

export function crossesItself(points) {
  const n = points.length;
  for (let i = 0; i < n; i++) {
    for (let j = i + 2; j < n; j++) {
      if ((j + 1) % n !== i && meet(points[i], points[(i + 1) % n], points[j], points[(j + 1) % n])) return true;
    }
  }
  return false;
}

export function contains(points, [x, y]) {
  let inside = false, before = points[points.length - 1];
  for (const here of points) {
    if ((here[1] > y) !== (before[1] > y) && x < here[0] + ((before[0] - here[0]) * (y - here[1])) / (before[1] - here[1])) inside = !inside;
    before = here;
  }
  return inside;
}

export const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
export const clamp = (value) => Math.min(1, Math.max(0, value));
export const round = (point) => point.map((value) => Math.round(clamp(value) * 1000) / 1000);

// Moves all points together, and no further than the picture's edge, so that the shape stays what it is.
export function moved(points, dx, dy) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  const x = Math.min(Math.max(dx, -Math.min(...xs)), 1 - Math.max(...xs));
  const y = Math.min(Math.max(dy, -Math.min(...ys)), 1 - Math.max(...ys));
  return points.map((p) => round([p[0] + x, p[1] + y]));
}
