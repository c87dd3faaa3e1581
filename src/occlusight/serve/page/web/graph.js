// The relation graph over the picture. Solid is seen, dashed and hatched is hidden; near is warm, far is cool.

import { s } from "./dom.js";
import { Labels, arrow, figurePlaces, head, hiddenExtent, scaled } from "./geometry.js";
import { certainty, language, percent, t } from "./words.js";

/** Return an object's name in the page's language. */
export const nameOf = (object) => (language() === "zh" ? object.name_zh : object.name);

/** Return the colour of an object's depth: of words (`d`) or on the picture (`p`). */
export function colour(graph, id, ramp) {
  const rank = graph.depth_order.findIndex((group) => group.includes(id));
  if (rank < 0) return ramp === "d" ? "var(--ink-2)" : "#fff";
  const place = graph.depth_order.length > 1 ? (6 * rank) / (graph.depth_order.length - 1) : 0;
  const low = Math.floor(place);
  const more = Math.round(100 * (place - low));
  return more ? `color-mix(in oklab, var(--${ramp}${low}), var(--${ramp}${low + 1}) ${more}%)` : `var(--${ramp}${low})`;
}

export const objectOf = (graph, id) => graph.objects.find((one) => one.id === id);

/** Return a graph of what has a place in the picture alone: some models say about where things are (`rough`), others not
 * at all. */
export function located(graph) {
  const objects = graph.objects
    .map((one) => {
      const box = graph.places?.[one.id];
      return box ? { ...one, box, rough: true } : one;
    })
    .filter(({ box }) => box[2] > box[0] && box[3] > box[1]);
  const there = new Set(objects.map((one) => one.id));
  return {
    ...graph,
    objects,
    drawn: graph.relations.filter((one) => there.has(one.occluder) && there.has(one.occluded)),
  };
}

/** Return why a relation is not sure enough to be said; nothing where it is. */
export const doubt = (graph, { occluder, occluded }) =>
  graph.unknown.find(({ about }) => about.length === 2 && about[0] === occluder && about[1] === occluded);

/** Return what a relation says, as a sentence. */
export function sentence(graph, relation) {
  const [a, b] = [relation.occluder, relation.occluded].map((id) => nameOf(objectOf(graph, id)));
  return t(doubt(graph, relation) ? "doubted" : "relation", { a, hides: t(`rel_${relation.type}`), b });
}

/** Return the ids of the objects that are chosen. */
export function chosen(graph, seen) {
  if (seen.object) return [seen.object];
  const relation = graph.relations[seen.relation];
  return relation ? [relation.occluder, relation.occluded] : [];
}

/** Draw a graph for a picture shown at so many pixels; `seen` says what is chosen. */
export function drawing(whole, seen, width, height, source) {
  const graph = located(whole);
  const phone = width < 480;
  const on = new Set(chosen(graph, seen).filter((id) => objectOf(graph, id)));
  const places = new Map(graph.objects.map((one) => [one.id, scaled(one.box, width, height)]));
  // Arrows go from box to box; from dot to dot where the boxes are rough.
  const boxes = new Map(graph.objects.map(({ id, rough }) => [id, rough ? dot(places.get(id)) : places.get(id)]));
  const labels = new Labels(width, height);
  const current = seen.object ? null : graph.drawn.find((one) => one === graph.relations[seen.relation]);
  const svg = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": t("relations") },
    definitions(graph, places, on, width, height),
  );
  svg.append(s("rect", { class: "scrim", width, height, mask: "url(#g-mask)" }));
  if (current) labels.keepFree(curveOf(current, boxes));
  const order = [...graph.depth_order.flat().reverse(), ...graph.objects.map((one) => one.id)];
  const objects = [...new Set(order)].filter((id) => boxes.has(id));
  // The chosen ones' names find a place first.
  const inFront = [...objects].reverse().sort((a, b) => on.has(b) - on.has(a));
  const names = new Map(
    inFront.map((id) => [id, phone && !on.has(id) ? null : label(graph, id, boxes.get(id), labels)]),
  );
  for (const id of objects) {
    const rough = objectOf(graph, id).rough;
    svg.append(thing(graph, id, on.has(id), rough ? spot(places.get(id)) : frame(places.get(id))));
  }
  if (current && !seen.gone) svg.append(...extent(graph, current, boxes, width, height));
  if (seen.gone && current) svg.append(...ghost(objectOf(graph, current.occluder), places, source, width, height));
  const rest = graph.drawn.filter((one) => one !== current && !(seen.gone && one.occluder === current?.occluder));
  for (const relation of current && !seen.gone ? [...rest, current] : rest) {
    svg.append(line(graph, relation, boxes, labels, relation === current, phone));
  }
  svg.append(...[...names].filter(([, place]) => place).map(([id, place]) => written(graph, id, place, on.has(id))));
  return svg;
}

function definitions(graph, boxes, on, width, height) {
  const hatch = (id, size, opacity) =>
    s(
      "pattern",
      { id, width: size, height: size, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("path", { d: `M0 0v${size}`, stroke: "#fff", "stroke-opacity": opacity, "stroke-width": 1.3 }),
    );
  const holes = [...on].map((id) => {
    const box = boxes.get(id);
    if (objectOf(graph, id).rough) return ellipse("", box, 4);
    return s("rect", { x: box.x - 4, y: box.y - 4, width: box.w + 8, height: box.h + 8, rx: 8 });
  });
  return s(
    "defs",
    {},
    hatch("g-hidden", 6, 0.7),
    hatch("g-gone", 7, 0.35),
    s("filter", { id: "g-soft" }, s("feGaussianBlur", { stdDeviation: 7 })),
    s(
      "mask",
      { id: "g-mask" },
      s("rect", { width, height, fill: "#fff" }),
      s("g", { filter: "url(#g-soft)" }, ...holes),
    ),
  );
}

const DOT = 6; // pixels: half of a dot, its halo included
let ruler = null;

function label(graph, id, box, labels) {
  const name = nameOf(objectOf(graph, id));
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `650 12px ${getComputedStyle(document.getElementById("app")).fontFamily}`;
  const w = ruler.measureText(name).width + 12;
  const { x, y } = box;
  const [right, below] = [x + box.w, y + box.h];
  const corners = [
    [x, y - 20],
    [right - w, y - 20],
    [x, below + 3],
    [right - w, below + 3],
    [x + 3, y + 3],
    [right + 3, y + 3],
    [x - w - 3, y + 3],
    [x + 3, below - 20],
  ];
  const place = labels.place(
    corners.filter(([, top]) => top >= 2 && top + 17 <= labels.size.height - 2),
    w,
    17,
  );
  return place && { ...place, name };
}

/** Return an object that can be pointed at, pressed and reached; `shapes` are how it is drawn. */
function thing(graph, id, on, shapes) {
  return s(
    "g",
    {
      class: `g-obj ${on ? "on" : "dim"}`,
      "data-o": id,
      style: `--c:${colour(graph, id, "p")}`,
      tabindex: 0,
      role: "button",
      "aria-pressed": String(on),
      "aria-label": nameOf(objectOf(graph, id)),
    },
    ...shapes,
  );
}

const middle = ({ x, y, w, h }) => ({ cx: x + w / 2, cy: y + h / 2 });

/** Return the box of the dot in the middle of a rough box. */
function dot(box) {
  const { cx, cy } = middle(box);
  return { x: cx - DOT, y: cy - DOT, w: 2 * DOT, h: 2 * DOT };
}

const ellipse = (kind, box, pad = 0) =>
  s("ellipse", { class: kind, ...middle(box), rx: box.w / 2 + pad, ry: box.h / 2 + pad });

/** Draw about where something is: a dot, and a soft spot where it is chosen. */
function spot(box) {
  const at = middle(box);
  return [
    ellipse("hit", box),
    ellipse("spot", box),
    s("circle", { class: "dot", ...at, r: DOT - 1 }),
    s("circle", { class: "ring2", ...at, r: DOT + 4 }),
    s("circle", { class: "ring", ...at, r: DOT + 4 }),
  ];
}

/** Draw where something is: corners, and a box where it is chosen. */
function frame({ x, y, w, h }) {
  const k = Math.min(14, w * 0.22, h * 0.22);
  const [right, low] = [x + w, y + h];
  const corners = [
    `M${x} ${y + k}V${y}H${x + k}M${right - k} ${y}H${right}V${y + k}`,
    `M${right} ${low - k}V${low}H${right - k}M${x + k} ${low}H${x}V${low - k}`,
  ].join("");
  const rectangle = (kind, pad, rx) =>
    s("rect", { class: kind, x: x - pad, y: y - pad, width: w + 2 * pad, height: h + 2 * pad, rx });
  return [
    rectangle("hit", 0),
    rectangle("soft", 0, 4),
    s("path", { class: "halo", d: corners }),
    s("path", { class: "cor", d: corners }),
    rectangle("ring2", 3, 6),
    rectangle("ring", 3, 6),
  ];
}

/** Return an object's name, above all else in the drawing. */
function written(graph, id, { x, y, w, name }, on) {
  return s(
    "g",
    { class: on ? "lab on" : "lab", "data-o": id, style: `--c:${colour(graph, id, "p")}`, "aria-hidden": "true" },
    s("rect", { class: "nb", x, y, width: w, height: 17, rx: 2.5 }),
    s("text", { class: "nm", x: x + 6, y: y + 12.7 }, name),
  );
}

function extent(graph, relation, boxes, width, height) {
  if (objectOf(graph, relation.occluded).rough) return [];
  const whole = scaled(objectOf(graph, relation.occluded).amodal_box, width, height);
  const box = hiddenExtent(boxes.get(relation.occluder), whole, relation.covered_fraction);
  if (!box) return [];
  return [
    s("rect", {
      class: "hid",
      style: `--c:${colour(graph, relation.occluded, "p")}`,
      x: box.x,
      y: box.y,
      width: box.w,
      height: box.h,
      rx: 3,
    }),
  ];
}

function ghost({ id, rough }, boxes, source, width, height) {
  const box = boxes.get(id);
  if (rough) return [ellipse("gone", box)];
  const place = { x: box.x, y: box.y, width: box.w, height: box.h, rx: 4 };
  return [
    s("clipPath", { id: "g-clip" }, s("rect", place)),
    s(
      "g",
      { "clip-path": "url(#g-clip)" },
      s("image", { class: "ghost", href: source, width, height, preserveAspectRatio: "none" }),
    ),
    s("rect", { class: "gone", ...place }),
  ];
}

function curveOf({ occluder, occluded }, boxes) {
  const others = [...boxes].filter(([id]) => id !== occluder && id !== occluded).map(([, box]) => box);
  return arrow(boxes.get(occluder), boxes.get(occluded), others);
}

function line(graph, relation, boxes, labels, on, phone) {
  const { occluder, occluded, probability } = relation;
  const curve = curveOf(relation, boxes);
  const index = graph.relations.indexOf(relation);
  const [c1, c2] = [colour(graph, occluder, "p"), colour(graph, occluded, "p")];
  const d = `M${curve.from}Q${curve.bend} ${curve.to}`;
  const [left, right] = head(curve, on ? 11 : 8.5);
  const tip = `M${left}L${curve.to}L${right}`;
  const doubted = Boolean(doubt(graph, relation));
  const sure = probability == null ? "" : `, ${certainty(probability, doubted)}, ${percent(probability)}`;
  const parts = [
    s(
      "linearGradient",
      {
        id: `g-line${index}`,
        gradientUnits: "userSpaceOnUse",
        x1: curve.from[0],
        y1: curve.from[1],
        x2: curve.to[0],
        y2: curve.to[1],
      },
      s("stop", { style: `stop-color:${c1}` }),
      s("stop", { offset: 1, style: `stop-color:${c2}` }),
    ),
    s("path", { class: "hit", d }),
    s("path", { class: "halo", d }),
    s("path", { class: "halo", d: tip }),
    s("path", { class: "ln", pathLength: 1, d, style: `stroke:url(#g-line${index})` }),
    s("path", { class: "ln hd", d: tip, style: `stroke:${c2}` }),
    s("circle", {
      cx: curve.from[0],
      cy: curve.from[1],
      r: on ? 5 : 3.5,
      style: `fill:${c1}`,
      stroke: "#0e1311",
      "stroke-opacity": 0.6,
      "stroke-width": 1.5,
    }),
  ];
  if (probability != null && (on || !phone)) parts.push(...figure(curve, percent(probability), labels, on));
  return s(
    "g",
    {
      class: `g-rel ${on ? "on" : "dim"}${doubted ? " doubted" : ""}`,
      "data-r": index,
      tabindex: 0,
      role: "button",
      "aria-pressed": String(on),
      "aria-label": sentence(graph, relation) + sure,
    },
    ...parts,
  );
}

function figure(curve, text, labels, on) {
  const [w, h] = on ? [38, 20] : [34, 17];
  const corners = figurePlaces(curve, h).map(([x, y]) => [x - w / 2, y - h / 2]);
  const place = labels.place(corners, w, h);
  if (!place) return [];
  return [
    s("rect", { class: "pill", x: place.x, y: place.y, width: w, height: h, rx: 3 }),
    s("text", { x: place.x + w / 2, y: place.y + h / 2 + 4.3 }, text),
  ];
}
