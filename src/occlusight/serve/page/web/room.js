// What stands where there is room: further questions, examples, how a picture is read, the keys. Nothing is left empty.

import { byId, h, icon } from "./dom.js";
import { located } from "./graph.js";
import { suggestions } from "./questions.js";
import { barred, drawn } from "./seeing.js";
import { exampleCard } from "./stage.js";
import { t } from "./words.js";

const narrow = matchMedia("(max-width: 760px)");
const SHOWN = 3; // questions above the field

/** Fill what is empty in all columns. */
export function fill(app) {
  const questions = suggestions(app);
  byId("suggestions").replaceChildren(...questions.slice(0, SHOWN).map((one) => asking(app, one)));
  document.querySelector(".conv").style.setProperty("--ask", `${document.querySelector(".ask").offsetHeight}px`);
  fillRail(app);
  const left = fillStage(app, questions.slice(SHOWN));
  fillLog(app, left);
}

const asking = (app, question) =>
  h("button", { type: "button", disabled: Boolean(app.live), click: () => app.ask(question) }, question);

/** Put blocks into a box, one after another, as far as there is room; of lists that are `rows`, as many rows. */
function put(box, blocks, full) {
  for (const block of blocks) {
    box.append(block);
    shorten(block, full);
  }
}

function shorten(block, full) {
  const rows = [...block.querySelectorAll(".rows > li")];
  while (full() && rows.length > 1) rows.pop().remove();
  if (full()) block.remove();
}

/** Beside the conversations: how a picture is read, which keys there are, what can be asked. */
function fillRail(app) {
  const about = byId("about");
  about.replaceChildren();
  const height = () => [...about.children].reduce((sum, one) => sum + one.offsetHeight, 0);
  const blocks = [
    ...(drawn(app) ? [legend(app)] : []),
    ...(narrow.matches ? [] : [keys()]), // phones have none
    ...(barred(app) ? [] : [tellable(app)]),
    ...(narrow.matches ? [] : [text("own", "own_ways")]),
    ...(app.conversations.length ? [text("history", "history_hint")] : []),
  ];
  put(about, blocks, () => height() > about.clientHeight);
}

/** Under the picture: all pairs, then how it is read, as long as there is nothing to read on it, and questions; returns
 * those that found no room. */
function fillStage(app, questions) {
  const [stage, more] = [document.querySelector(".stage"), byId("more")];
  const full = () => stage.scrollHeight > stage.clientHeight;
  more.replaceChildren();
  const pairs = stage.querySelector(".pairs");
  pairs?.style.removeProperty("max-height");
  if (narrow.matches || !app.shownPicture) return questions;
  if (pairs && full()) {
    const over = stage.scrollHeight - stage.clientHeight;
    pairs.style.maxHeight = `${Math.max(30, pairs.offsetHeight - over)}px`;
  }
  const blocks = [
    ...(drawn(app) ? [] : [legend(app)]),
    ...(barred(app) ? [tellable(app)] : []),
    ...(questions.length ? [further(app, questions)] : []),
  ];
  put(more, blocks, full);
  return questions.slice(more.querySelectorAll(".next li").length);
}

/** Below the last answer: further questions about the picture shown, then scenes that the model knows. */
function fillLog(app, questions) {
  const log = byId("log");
  for (const one of log.querySelectorAll(".filler")) one.remove();
  if (log.querySelector(".first")) return; // the examples take the room
  const last = app.shownGroup === app.conversation.groups.at(-1);
  const here = new Set(app.conversation.groups.map((group) => group.pictures[0].id));
  const others = app.settings.examples.filter((one) => !here.has(one.name));
  const blocks = [
    ...(last && questions.length ? [further(app, questions)] : []),
    ...(others.length ? [known(app, others)] : []),
  ];
  put(log, blocks, () => overfull(log));
}

/** Give an answer that grows the room of what stands below it. */
export function makeWay() {
  const log = byId("log");
  for (const block of [...log.querySelectorAll(".filler")].reverse()) shorten(block, () => overfull(log));
}

/** Whether what stands in the conversation has too little room; on a phone it must end above the field. */
function overfull(log) {
  if (!narrow.matches) return log.scrollHeight > log.clientHeight;
  const page = byId("app");
  const end = log.lastElementChild.getBoundingClientRect().bottom + page.scrollTop;
  return end > document.querySelector(".ask").getBoundingClientRect().top;
}

const further = (app, questions) =>
  h(
    "section",
    { class: "filler next" },
    h("h2", {}, t("ask_next")),
    h("ul", { class: "rows" }, ...questions.map((one) => h("li", {}, asking(app, one)))),
  );

const known = (app, examples) =>
  h(
    "section",
    { class: "filler known" },
    h("h2", {}, t("examples")),
    h("ul", { class: "rows" }, ...examples.map((one) => h("li", {}, exampleCard(app, one)))),
  );

/** Return how a picture with its graph is read: what is drawn on the one that is shown, or would be. */
function legend(app) {
  const graph = drawn(app);
  const there = graph && located(graph).objects;
  const rough = there ? there.some((one) => one.rough) : !app.settings.model.photographs;
  const row = (mark, text) =>
    h("li", {}, h("span", { class: `mark ${mark}`, "aria-hidden": "true" }), h("span", {}, t(text)));
  const arrows = [row("arrow", "legend_arrow"), rough ? row("dot", "legend_dot") : row("dash", "legend_dash")];
  return h(
    "section",
    { class: "filler legend", "aria-label": t("legend") },
    h("h2", {}, t("legend")),
    h("ul", {}, row("ramp", "legend_ramp"), ...(!graph || there.length ? arrows : []), row("tick", "legend_sure")),
  );
}

const KEYS = [
  ["/", "key_question"],
  ["Enter", "key_ask"],
  ["Shift Enter", "key_line"],
  ["Tab", "key_tab"],
  ["Esc", "key_escape"],
];

const keys = () =>
  h(
    "section",
    { class: "filler keys", "aria-label": t("keys") },
    h("h2", {}, t("keys")),
    h("ul", { class: "rows" }, ...KEYS.map(([key, text]) => h("li", {}, h("kbd", {}, key), h("span", {}, t(text))))),
  );

const text = (name, said) =>
  h("section", { class: "filler", "aria-label": t(name) }, h("h2", {}, t(name)), h("p", {}, t(said)));

/** Return what the model can be asked, and what it cannot. */
function tellable({ settings: { model } }) {
  const row = (mark, text) => h("li", {}, icon(mark), h("span", {}, t(text)));
  return h(
    "section",
    { class: "filler tellable", "aria-label": t("tells") },
    h("h2", {}, t("tells")),
    h(
      "ul",
      {},
      ...["tells_there", "tells_hides", "tells_nearer", "tells_stands"].map((one) => row("rule", one)),
      ...(model.photographs ? [] : [row("close", "tells_not")]),
    ),
  );
}
