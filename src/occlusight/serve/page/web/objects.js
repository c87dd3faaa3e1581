// Objects of the graph where they are named: words that can be pressed, in the colour of their depth.

import { h } from "./dom.js";
import { colour, nameOf, objectOf } from "./graph.js";

export function objectButton(graph, id, text) {
  return h(
    "button",
    { type: "button", class: "ob", "data-o": id, style: `--c:${colour(graph, id, "d")}` },
    text ?? nameOf(objectOf(graph, id)),
  );
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Return a text, or an element, with the objects that it names as such words; longest names first. */
export function marked(part, graph) {
  if (!graph || typeof part !== "string") return [part];
  const ids = new Map();
  for (const one of graph.objects.filter((object) => object.unique)) {
    for (const name of [one.name, one.name_zh]) ids.set(name.toLowerCase(), one.id);
  }
  const names = [...ids.keys()].sort((a, b) => b.length - a.length).map(escaped);
  if (!names.length) return [part];
  const pattern = new RegExp(`(?<![a-z])(${names.join("|")})(?![a-z])`, "gi");
  return part
    .split(pattern)
    .map((piece, index) => (index % 2 ? objectButton(graph, ids.get(piece.toLowerCase()), piece) : piece));
}
