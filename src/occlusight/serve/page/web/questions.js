// Questions about what is seen in a picture, of kinds that the model answers well.

import { doubt, nameOf, objectOf } from "./graph.js";
import { barred, drawn } from "./seeing.js";
import { language, t } from "./words.js";

// Kinds of questions that models answer well: of one that knows drawn scenes see docs/experiments.md.
const SEEN = ["ask_nearest", "ask_farthest", "ask_hidden"];
const UNSEEN = ["ask_what", ...SEEN, "ask_woman", "ask_car", "ask_dog"];
const ANY = ["ask_what", "ask_nearest", "ask_hidden", "ask_describe", "ask_text", "ask_farthest"];

const name = (graph, id) => nameOf(objectOf(graph, id));

/** Return the question about two things of which one hides the other. */
export function askPair(graph, { occluder, occluded }) {
  return t("ask_pair", { a: name(graph, occluder), b: name(graph, occluded) });
}

/** Return questions about what is seen in a picture: of the pairs that are said, of what else is near and far. */
function questionsOf(graph) {
  const there = (id) => !graph.denied?.includes(id); // what the model denies when it is asked for is not asked about
  const said = graph.relations.filter(
    (one) => !doubt(graph, one) && there(one.occluder) && there(one.occluded),
  );
  const hidden = [...new Set(said.map((relation) => relation.occluded))];
  const free = graph.objects.map((one) => one.id).filter((id) => there(id) && !hidden.includes(id));
  // What is as near as another is left out.
  const order = graph.depth_order.filter((group) => group.length === 1 && there(group[0])).flat();
  const pairs = order.slice(2).map((id, index) => ({ a: name(graph, id), b: name(graph, order[index]) }));
  return [
    ...said.map((relation) => askPair(graph, relation)),
    ...hidden.map((id) => t("ask_hider", { b: name(graph, id) })),
    ...pairs.flatMap((pair) => [t("ask_nearer", pair), t("ask_where", pair)]),
    ...free.map((id) => t("ask_hider", { b: name(graph, id) })),
  ];
}

/** Return questions about the picture shown that have not been asked: an example's own, one about two things seen in it,
 * what every picture can be asked, and about what else is seen; none where the model would only guess. */
export function suggestions(app) {
  const picture = app.shownPicture;
  if (!picture || barred(app)) return [];
  const own = app.settings.examples.filter((one) => one.name === picture.id).map((one) => one.question[language()]);
  const graph = drawn(app);
  const [pair, ...further] = graph ? questionsOf(graph) : [];
  const always = app.settings.model.photographs ? ANY : graph ? SEEN : UNSEEN;
  const asked = new Set(app.shownGroup.turns.map((turn) => turn.question));
  const all = [...own, ...(pair ? [pair] : []), ...always.map((name) => t(name)), ...further];
  return [...new Set(all)].filter((question) => !asked.has(question));
}
