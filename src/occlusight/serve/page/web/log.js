// The conversation: groups by picture, and in them questions with their answers.

import { groupOf, pictureNames, pictureTitle, shown, turnsOf, when } from "./conversation.js";
import { sure } from "./certainty.js";
import { byId, copy, h, icon, iconButton, rich } from "./dom.js";
import { marked } from "./objects.js";
import { url } from "./pictures.js";
import { makeWay } from "./room.js";
import { foreign, notGuessed } from "./seeing.js";
import { firstExamples } from "./stage.js";
import { duration, has, t } from "./words.js";

const SURE = 0.85; // from where on what the graph says is called checked; below, it stands beside what was said
let parts = new Map();

/** Draw the whole conversation. */
export function drawLog(app) {
  const log = byId("log");
  const below = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const kept = log.scrollTop;
  parts = new Map();
  const examples = turnsOf(app.conversation).length === 0 && app.settings.examples.length > 0;
  log.replaceChildren(
    ...app.conversation.groups.map((group) => section(app, group)),
    ...(examples ? [firstExamples(app)] : []),
  );
  log.scrollTop = below && !examples ? log.scrollHeight : kept;
}

function section(app, group) {
  const active = group === shown(app.conversation);
  const image = h("img", { alt: "" });
  url(group.pictures[0]).then((found) => found && (image.src = found));
  const head = h(
    "button",
    { type: "button", class: "ghead", "aria-pressed": String(active), click: () => app.show(group) },
    image,
    h("span", {}, h("b", {}, pictureTitle(app.conversation, group)), ` ${pictureNames(group)}, ${when(group)}`),
    h("u", {}, t(active ? "shown" : "show")),
  );
  return h(
    "section",
    { class: active ? "group active" : "group" },
    head,
    ...group.turns.map((turn) => article(app, turn)),
  );
}

function article(app, turn) {
  const edit = iconButton("edit", t("edit"), () => editing(app, turn, question));
  const question = h("div", { class: "q" }, h("p", {}, turn.question), edit);
  const part = { body: h("div", { class: "body" }), meta: h("div", { class: "meta" }) };
  parts.set(turn.id, part);
  const element = h("article", { class: "turn", id: `turn-${turn.id}` }, question, part.body, part.meta);
  drawTurn(app, turn);
  return element;
}

/** Draw what there is of an answer, and what can be done with it. */
export function drawTurn(app, turn) {
  const part = parts.get(turn.id);
  if (!part) return; // of a conversation that is not shown
  const live = app.live?.turn === turn;
  fill(part.body, [
    ...(turn.thought ? [thinking(turn, live)] : []),
    ...(turn.checked && !turn.checked.agrees ? [twoWays(app, turn)] : said(app, turn, live)),
    ...(turn.failure ? [failure(turn)] : []),
  ]);
  fill(part.meta, live ? [h("span", { class: "took" }, app.live.note)] : ended(app, turn));
  if (part.body.isConnected) makeWay();
}

/** Draw a part anew; a button of it that has the focus keeps it. */
function fill(part, children) {
  const at = [...part.querySelectorAll("button")].indexOf(document.activeElement);
  part.replaceChildren(...children);
  if (at >= 0) part.querySelectorAll("button")[at]?.focus({ preventScroll: true });
}

const words = (app, turn, text) => rich(text).flatMap((part) => marked(part, app.graphOfTurn(turn)));

/** Return the answer, or what there is of it. */
function said(app, turn, live) {
  if (!turn.answer && !live) return [];
  const caret = live && h("span", { class: "caret", "aria-hidden": "true" });
  const answer = h("p", { class: turn.scope === "outside" ? "a decl" : "a" }, words(app, turn, turn.answer), caret);
  return [answer, ...(live || !foreign(app, turn.domain) ? [] : [toNotice(app, turn)])];
}

/** Return a button that leads from an answer about a picture of another world to what is said of larger models. */
function toNotice(app, turn) {
  const lead = async () => {
    const group = groupOf(app.conversation, turn);
    if (group !== app.shownGroup) await app.show(group);
    await notGuessed(app);
    const note = document.querySelector("#under .note");
    note?.scrollIntoView({ block: "nearest" });
    note?.focus();
  };
  return h("button", { type: "button", class: "lead", click: lead }, t("larger_where"));
}

/** Return what the model said, and below it what the graph of the picture says against that. */
function twoWays(app, turn) {
  const row = (kind, name, text) =>
    h("div", { class: kind }, h("dt", {}, t(name)), h("dd", {}, words(app, turn, text)));
  const { probability, text } = turn.checked;
  const sure = probability != null && probability >= SURE;
  return h(
    "dl",
    { class: sure ? "two-ways" : "two-ways open" },
    row("old", "first_said", turn.answer),
    row("new", sure ? "checked" : "otherwise", text),
  );
}

function thinking(turn, live) {
  const details = h(
    "details",
    { class: "think" },
    h("summary", {}, icon("open"), t("thinking")),
    h("p", {}, turn.thought),
  );
  details.open = live && !turn.answer;
  return details;
}

function failure(turn) {
  const { kind, message } = turn.failure;
  const said = t(`e_${has(`e_${kind}`) ? kind : "failed"}`, { name: "", ...turn.failure });
  return h("div", { class: "note" }, icon("heed"), h("div", {}, said, message && h("small", { lang: "en" }, message)));
}

function ended(app, turn) {
  const acts = h(
    "span",
    { class: "acts" },
    turn.answer &&
      iconButton("copy", t("copy"), async () => {
        await copy(turn.answer);
        app.announce(t("copied"));
      }),
    iconButton("again", t("again"), () => app.retry(turn)),
    iconButton("delete", t("delete_turn"), () => app.removeTurn(turn)),
  );
  return [
    turn.checked?.probability != null && sure(turn.checked.probability),
    h("span", { class: "took", title: figures(turn) }, took(turn)),
    acts,
  ].filter(Boolean);
}

function took(turn) {
  if (turn.state !== "done") return t(`state_${turn.state}`);
  return [turn.cut && t("cut"), t("in", { time: duration(turn.seconds) })].filter(Boolean).join(" · ");
}

/** Return what more is known of how an answer was made, for those who point at it. */
function figures(turn) {
  if (turn.state !== "done") return null;
  const read = turn.read.map((use) => t("read_as", { width: use.read_size[0], height: use.read_size[1] }));
  const looked = turn.looking_s == null ? t("seen_before") : t("looked_for", { time: duration(turn.looking_s) });
  return [looked, ...read].join(" · ");
}

function editing(app, turn, question) {
  const area = h("textarea", { rows: 2, "aria-label": t("edit") });
  area.value = turn.question;
  const back = () => {
    form.replaceWith(question);
    question.querySelector("button").focus();
  };
  const form = h(
    "form",
    {
      class: "editing",
      submit: (event) => {
        event.preventDefault();
        if (area.value.trim()) app.edit(turn, area.value);
      },
    },
    area,
    h(
      "div",
      { class: "btns" },
      h("button", { class: "btn solid" }, t("ask")),
      h("button", { type: "button", class: "btn", click: back }, t("cancel")),
    ),
  );
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  question.replaceWith(form);
  area.focus();
}

/** Bring a turn into sight: on a phone to just under the picture, which stays at the top. */
export function reveal(turn) {
  const element = byId(`turn-${turn.id}`);
  if (!element) return; // of a conversation that is not shown
  const phone = matchMedia("(max-width: 760px)").matches;
  if (!phone) byId("log").scrollTop = byId("log").scrollHeight;
  else {
    const stage = document.querySelector(".stage").getBoundingClientRect();
    byId("app").scrollBy({ top: element.getBoundingClientRect().top - stage.bottom - 6 });
  }
}
