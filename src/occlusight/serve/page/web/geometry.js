// Where the parts of a graph are drawn on its picture. All boxes here are {x, y, w, h} in pixels of the drawing.

/** Return a box of a graph, whose sides are 0 to 1000, in a drawing of so many pixels, a little wider by `pad`. */
export function scaled([x0, y0, x1, y1], width, height, pad = 0) {
  const x = Math.max(1.5, (x0 * width) / 1000 - pad);
  const y = Math.max(1.5, (y0 * height) / 1000 - pad);
  return {
    x,
    y,
    w: Math.min(width - 1.5, (x1 * width) / 1000 + pad) - x,
    h: Math.min(height - 1.5, (y1 * height) / 1000 + pad) - y,
  };
}

/** Return the box that two boxes share, or nothing. */
export function overlap(a, b) {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const w = Math.min(a.x + a.w, b.x + b.w) - x;
  const h = Math.min(a.y + a.h, b.y + b.h) - y;
  return w > 0 && h > 0 ? { x, y, w, h } : null;
}

const centre = (box) => [box.x + box.w / 2, box.y + box.h / 2];
const inside = ([x, y], box) => x > box.x && x < box.x + box.w && y > box.y && y < box.y + box.h;

/** Return a point of the largest part of a box outside another one, half way to that one; else its middle. */
function apart(box, other) {
  const shared = overlap(box, other);
  const aim = centre(shared || other);
  if (!shared) return towards(box, aim);
  const strips = [
    { ...box, w: shared.x - box.x },
    { ...box, x: shared.x + shared.w, w: box.x + box.w - shared.x - shared.w },
    { ...box, h: shared.y - box.y },
    { ...box, y: shared.y + shared.h, h: box.y + box.h - shared.y - shared.h },
  ].filter((strip) => strip.w > 4 && strip.h > 4);
  strips.sort((a, b) => b.w * b.h - a.w * a.h);
  return strips.length ? towards(strips[0], aim) : centre(box);
}

/** Return the point half way from a box's middle to the place in it that is nearest to a point. */
function towards(box, [x, y]) {
  const [middle, centreY] = centre(box);
  const nearX = Math.min(Math.max(x, box.x), box.x + box.w);
  const nearY = Math.min(Math.max(y, box.y), box.y + box.h);
  return [(middle + nearX) / 2, (centreY + nearY) / 2];
}

const BOWED = 120; // pixels, below which an arrow is bent more, so that it can be seen beside its figure

/** Return an arrow from one box to another as a curve {from, bend, to} that crosses as few others as can be. */
export function arrow(a, b, others) {
  const from = apart(a, b);
  const to = apart(b, a);
  const bow = Math.min(3, Math.max(1, BOWED / (Math.hypot(to[0] - from[0], to[1] - from[1]) || 1)));
  const curves = [-0.18, 0.18, -0.35, 0.35].map((share) => share * bow).map((by) => ({
    from,
    to,
    bend: [(from[0] + to[0]) / 2 - (to[1] - from[1]) * by, (from[1] + to[1]) / 2 + (to[0] - from[0]) * by],
  }));
  const crossed = (curve) =>
    others.filter((box) => [0.2, 0.35, 0.5, 0.65, 0.8].some((t) => inside(along(curve, t), box))).length;
  return curves.reduce((best, curve) => (crossed(curve) < crossed(best) ? curve : best));
}

/** Return the point at a share of a curve. */
export function along({ from, bend, to }, t) {
  return [0, 1].map((k) => (1 - t) ** 2 * from[k] + 2 * t * (1 - t) * bend[k] + t ** 2 * to[k]);
}

/** Return points where a figure can stand that belongs to a curve: on it, or beside it where it is short. */
export function figurePlaces(curve, height) {
  const { from, bend, to } = curve;
  const shares = [0.5, 0.38, 0.62, 0.28, 0.72];
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  if (length >= BOWED) return shares.map((share) => along(curve, share));
  const out = [0, 1].map((k) => bend[k] - (from[k] + to[k]) / 2);
  const far = (height + 6) / (Math.hypot(...out) || 1);
  const beside = (by) => shares.map((share) => along(curve, share).map((value, k) => value + by * out[k]));
  return [...beside(far), ...beside(-far), ...beside(2 * far)];
}

/** Return the two ends of an arrow's head. */
export function head({ bend, to }, size) {
  const angle = Math.atan2(to[1] - bend[1], to[0] - bend[0]);
  return [2.55, -2.55].map((turn) => [to[0] + size * Math.cos(angle + turn), to[1] + size * Math.sin(angle + turn)]);
}

/** Return the hidden extent: what two boxes share, its shorter side narrowed until it is so much of the hidden one. */
export function hiddenExtent(a, b, share) {
  const box = overlap(a, b);
  if (!box || !share) return null;
  const k = Math.min(1, Math.max(0.2, (share * b.w * b.h) / (box.w * box.h)));
  return box.w < box.h
    ? { ...box, x: box.x + (box.w * (1 - k)) / 2, w: box.w * k }
    : { ...box, y: box.y + (box.h * (1 - k)) / 2, h: box.h * k };
}

/** Places labels so that none lies on another; those that find no place are left out. */
export class Labels {
  constructor(width, height) {
    this.size = { width, height };
    this.placed = [];
    this.curve = [];
  }

  /** Let names stand beside a curve, not on it, where there is room. */
  keepFree(curve) {
    const points = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9].map((share) => along(curve, share));
    this.curve = points.map(([x, y]) => ({ x: x - 3, y: y - 3, w: 6, h: 6 }));
  }

  /** Return the first of some places (left upper corners) where a label of this size is free, or nothing. */
  place(corners, w, h) {
    const boxes = corners.map(([left, top]) => ({
      x: Math.min(Math.max(2, left), this.size.width - w - 2),
      y: Math.min(Math.max(2, top), this.size.height - h - 2),
      w,
      h,
    }));
    const free = boxes.filter((box) => !this.placed.some((other) => overlap(box, other)));
    const found = free.find((box) => !this.curve.some((other) => overlap(box, other))) ?? free[0];
    if (found) this.placed.push(found);
    return found ?? null;
  }
}
