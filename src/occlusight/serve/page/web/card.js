// Under the picture: its objects from nearest to farthest, and what is known of the pair chosen.

import { sure } from "./certainty.js";
import { h, icon, iconButton } from "./dom.js";
import { chosen, colour, doubt, located, nameOf, objectOf, sentence } from "./graph.js";
import { objectButton } from "./objects.js";
import { askPair } from "./questions.js";
import { language, percent, t } from "./words.js";

// Models tell how much is hidden in four classes: a figure would promise more.
const SHARES = [
  [0.25, "share_small"],
  [0.5, "share_part"],
  [0.8, "share_half"],
  [Infinity, "share_most"],
];

/** Return the objects from nearest to farthest; what is as near as the next is marked so. */
export function strip(graph, seen) {
  const on = chosen(graph, seen);
  const items = graph.depth_order.flatMap((group) =>
    group
      .filter((id) => objectOf(graph, id))
      .map((id, place) =>
        h(
          "li",
          {},
          place > 0 && h("span", { class: "tie", role: "img", "aria-label": t("tie"), title: t("tie") }, "="),
          h(
            "button",
            {
              type: "button",
              "data-o": id,
              class: on.includes(id) ? "on" : "",
              "aria-pressed": String(on.includes(id)),
              style: `--c:${colour(graph, id, "d")}`,
            },
            nameOf(objectOf(graph, id)),
          ),
        ),
      ),
  );
  return h(
    "div",
    { class: "strip" },
    h("span", { class: "xs" }, t("nearest")),
    h("ol", { tabindex: 0, "aria-label": t("by_depth") }, ...items),
    h("span", { class: "xs" }, t("farthest")),
  );
}

/** Return what is known of the pair chosen. */
export function card(app, graph, seen) {
  const relation = graph.relations[seen.relation];
  if (!relation)
    return h(
      "section",
      { class: "card", "aria-label": t("evidence") },
      h("div", { class: "why" }, h("h2", {}, t("nothing_hides")), unknown(graph)),
    );
  const { occluder, probability } = relation;
  const doubted = doubt(graph, relation);
  const whySaid = doubted ? doubtedWhy(graph, relation) : evidence(relation);
  const name = nameOf(objectOf(graph, occluder));
  const fold = h(
    "button",
    {
      type: "button",
      class: "ico fold",
      "aria-expanded": String(app.unfolded),
      "aria-label": t("why"),
      click: () => app.unfold(),
    },
    icon("open"),
  );
  return h(
    "section",
    { class: app.unfolded ? "card open" : "card", "aria-label": t("evidence") },
    h(
      "div",
      { class: "why" },
      h(
        "h2",
        {},
        ...told(graph, relation),
        h("span", { class: "ph" }, probability == null ? "" : percent(probability), fold),
      ),
      h(
        "div",
        { class: "more" },
        h("p", {}, seen.gone ? t("without_said", { a: name }) : whySaid),
        changed(graph, relation),
        denied(graph, relation),
        unplaced(graph),
        !doubted && unknown(graph),
        pairs(graph, seen),
      ),
    ),
    h(
      "div",
      { class: "do" },
      probability != null && sure(probability, Boolean(doubted)),
      !doubted && figures(relation),
      h(
        "button",
        {
          type: "button",
          class: "btn",
          id: "without",
          "aria-pressed": String(seen.gone),
          click: () => app.see({ ...seen, gone: !seen.gone }),
        },
        t("without", { a: name }),
      ),
      h(
        "button",
        {
          type: "button",
          class: "btn",
          disabled: Boolean(app.live),
          click: () => app.ask(askPair(graph, relation)),
        },
        t("ask_these"),
      ),
      step(app, graph, seen),
    ),
  );
}

/** Return all pairs, where there are several: each can be chosen. */
function pairs(graph, seen) {
  if (graph.relations.length < 2) return null;
  const items = graph.relations.map((relation, index) => {
    const [a, b] = [relation.occluder, relation.occluded].map((id) =>
      h("b", { style: `--c:${colour(graph, id, "d")}` }, nameOf(objectOf(graph, id))),
    );
    const { probability } = relation;
    const sure = probability == null ? "" : h("span", { class: "quiet" }, percent(probability));
    const named = {
      type: "button",
      "data-r": index,
      "aria-pressed": String(index === seen.relation),
      "aria-label": [sentence(graph, relation), probability == null ? "" : percent(probability)].join(" "),
    };
    return h("li", {}, h("button", named, a, h("span", { "aria-hidden": "true" }, "→"), b, sure));
  });
  return h("ul", { class: "pairs", "aria-label": t("all_pairs") }, ...items);
}

/** Return what a relation says, its objects as words that can be pressed. */
function told(graph, relation) {
  const frame = doubt(graph, relation) ? "doubted" : "relation";
  const sentence = t(frame, { a: "{a}", hides: t(`rel_${relation.type}`), b: "{b}" });
  const buttons = { "{a}": objectButton(graph, relation.occluder), "{b}": objectButton(graph, relation.occluded) };
  return sentence.split(/(\{[ab]\})/).map((part) => buttons[part] ?? part);
}

/** Return why a relation is not said outright. */
function doubtedWhy(graph, relation) {
  const { probability } = relation;
  if (probability == null || graph.said_from == null) return doubt(graph, relation).why[language()];
  return t("doubted_why", { p: percent(probability), from: percent(graph.said_from) });
}

const evidence = (relation) => (relation.evidence ? relation.evidence[language()] : t("no_evidence"));

/** Return which rule made a relation what it is, and what the model itself had said. */
function changed(graph, { changed_by: names, raw_probability: before }) {
  if (!names?.length) return null;
  const says = names.map((name) => graph.rules[name][language()]).join("; ");
  return h(
    "p",
    { class: "rule" },
    icon("rule"),
    h("span", {}, before == null ? says : t("changed", { before: percent(before), rules: says })),
  );
}

/** Return which of the two the model denies when it is asked for it by name. */
function denied(graph, { occluder, occluded }) {
  const id = [occluder, occluded].find((one) => graph.denied?.includes(one));
  if (!id) return null;
  return h("p", { class: "rule" }, icon("heed"), h("span", {}, t("denied", { it: nameOf(objectOf(graph, id)) })));
}

/** Return that nothing is drawn, where the model does not say where things are. */
function unplaced(graph) {
  return located(graph).objects.length
    ? null
    : h("p", { class: "rule" }, icon("unknown"), h("span", {}, t("unplaced")));
}

const same = ({ occluder, occluded }, about) => about.length === 2 && occluder === about[0] && occluded === about[1];

/** Return what cannot be told beyond the relations that are shown. */
function unknown(graph) {
  const first = graph.unknown.find(({ about }) => !graph.relations.some((one) => same(one, about)));
  return first && h("p", { class: "rule" }, icon("unknown"), h("span", {}, first.why[language()]));
}

function figures(relation) {
  if (relation.hidden_part === "unknown") return null;
  return h(
    "dl",
    {},
    relation.covered_fraction > 0 && [
      h("dt", {}, t("hidden")),
      h("dd", {}, t(SHARES.find(([most]) => relation.covered_fraction < most)[1])),
    ],
    [h("dt", {}, t("which_part")), h("dd", {}, t(`part_${relation.hidden_part}`))],
  );
}

function step(app, graph, seen) {
  const count = graph.relations.length;
  const go = (by) => app.see({ relation: (seen.relation + by + count) % count, object: null, gone: false });
  return h(
    "div",
    { class: "step" },
    iconButton("back", t("previous"), () => go(-1)),
    h("span", {}, t("n_of", { n: seen.relation + 1, count })),
    iconButton("next", t("next"), () => go(1)),
  );
}
