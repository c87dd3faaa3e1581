// Questions about what is seen in a picture, of kinds that the model answers well.

import { doubt, nameOf, objectOf } from "./graph.js";
import { t } from "./words.js";

const name = (graph, id) => nameOf(objectOf(graph, id));

/** Return the question about two things of which one hides the other. */
export function askPair(graph, { occluder, occluded }) {
  return t("ask_pair", { a: name(graph, occluder), b: name(graph, occluded) });
}

/** Return questions about what is seen in a picture: of the pairs that are said, of what else is near and far. */
export function questionsOf(graph) {
  const there = (id) => !graph.denied?.includes(id); // what the model denies when it is asked for is not asked about
  const said = graph.relations.filter(
    (one) => !doubt(graph, one) && there(one.occluder) && there(one.occluded),
  );
  const hidden = [...new Set(said.map((relation) => relation.occluded))];
  const free = graph.objects.map((one) => one.id).filter((id) => there(id) && !hidden.includes(id));
  const order = graph.depth_order.filter((group) => group.length === 1 && there(group[0])).flat(); // what is as near as another is left out
  const pairs = order.slice(2).map((id, index) => ({ a: name(graph, id), b: name(graph, order[index]) }));
  return [
    ...said.map((relation) => askPair(graph, relation)),
    ...hidden.map((id) => t("ask_hider", { b: name(graph, id) })),
    ...pairs.flatMap((pair) => [t("ask_nearer", pair), t("ask_where", pair)]),
    ...free.map((id) => t("ask_hider", { b: name(graph, id) })),
  ];
}
