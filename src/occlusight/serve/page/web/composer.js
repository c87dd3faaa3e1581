// Where questions are written, and pictures come in: chosen, pasted, dropped anywhere, taken.

import { turnsOf } from "./conversation.js";
import { byId, h, icon, iconButton } from "./dom.js";
import { questionsOf } from "./questions.js";
import { barred, drawn } from "./seeing.js";
import { firstExamples } from "./stage.js";
import { has, language, t } from "./words.js";

const narrow = matchMedia("(max-width: 760px)");
const SHOWN = 3; // questions above the field
// Kinds of questions that models answer well: of one that knows drawn scenes see docs/experiments.md.
const SEEN = ["ask_nearest", "ask_farthest", "ask_hidden"];
const UNSEEN = ["ask_what", ...SEEN, "ask_woman", "ask_car", "ask_dog"];
const ANY = ["ask_what", "ask_nearest", "ask_hidden", "ask_describe", "ask_text", "ask_farthest"];
const [HEAD, ROW] = [44, 36]; // pixels, of what stands below the last answer

/** Listen to everything by which a question or a picture can come. */
export function listen(app) {
  const area = byId("question");
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (app.live) app.stop();
    else app.askWritten(area.value);
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!app.live) byId("composer").requestSubmit();
  });
  area.addEventListener("input", fit);
  for (const [id, from] of [
    ["files", "chosen"],
    ["camera", "camera"],
  ]) {
    byId(id).addEventListener("change", (event) => {
      app.bring([...event.target.files], from);
      event.target.value = "";
    });
  }
  byId("paste").addEventListener("click", () => pasteByButton(app));
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) {
      event.preventDefault();
      app.bring(files, "pasted");
    } else if (!event.target.closest?.("textarea, input")) app.say("paste_none");
  });
  listenToDrops(app);
}

function listenToDrops(app) {
  const page = byId("app");
  let inside = 0;
  const over = (yes) => page.classList.toggle("dragging", yes);
  document.addEventListener("dragenter", () => over(++inside > 0));
  document.addEventListener("dragleave", () => over(--inside > 0));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    over(false);
    const files = [...event.dataTransfer.files];
    if (files.length) app.bring(files, "dropped");
    else app.say("drop_none");
  });
}

async function pasteByButton(app) {
  try {
    const items = await navigator.clipboard.read();
    const found = items.flatMap((item) =>
      item.types.filter((type) => type.startsWith("image/")).map((type) => [item, type]),
    );
    if (!found.length) return app.say("paste_none");
    const [item, type] = found[0];
    const blob = await item.getType(type);
    return app.bring([new File([blob], `pasted.${type.split("/")[1]}`, { type })], "pasted");
  } catch {
    return app.say("paste_closed"); // the browser keeps the clipboard closed, or the page has no secure origin
  }
}

/** Let the field be as high as what is written in it. */
export function fit() {
  const area = byId("question");
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, 140)}px`;
}

export function drawComposer(app) {
  const button = byId("ask");
  button.replaceChildren(icon(app.live ? "stop" : "ask"), h("span", {}, t(app.live ? "stop" : "ask")));
  button.dataset.live = String(Boolean(app.live));
  byId("scope").replaceChildren(
    h("b", {}, t("can_ask")),
    ` ${t(app.settings.model.photographs ? "scope_any" : "scope")}`,
  );
  const questions = suggestions(app);
  byId("suggestions").replaceChildren(...questions.slice(0, SHOWN).map((question) => asking(app, question)));
  byId("suggestions").scrollLeft = 0;
  drawNext(app, questions.slice(SHOWN));
}

const asking = (app, question) =>
  h("button", { type: "button", disabled: Boolean(app.live), click: () => app.ask(question) }, question);

/** Draw, below the last answer, what there is room for: further questions, or scenes that the model knows where the
 * picture shown is none of them; on a phone nothing. */
function drawNext(app, questions) {
  const log = byId("log");
  log.querySelector(".next, .known")?.remove();
  const last = app.shownGroup === app.conversation.groups.at(-1);
  if (app.live || !last || narrow.matches || !turnsOf(app.conversation).length) return;
  const end = log.lastElementChild.getBoundingClientRect().bottom + log.scrollTop;
  const room = log.getBoundingClientRect().bottom - end;
  const more = questions.slice(0, Math.floor((room - HEAD) / ROW));
  if (barred(app)) {
    const known = h("div", { class: "known" }, firstExamples(app));
    log.append(known);
    if (log.scrollHeight > log.clientHeight) known.remove();
  } else if (room > HEAD + ROW && more.length)
    log.append(h("section", { class: "next" }, h("p", {}, t("ask_next")), ...more.map((one) => asking(app, one))));
}

/** Return questions about the picture shown that have not been asked: an example's own, one about two things seen in it,
 * what every picture can be asked, and about what else is seen; none where the model would only guess. */
function suggestions(app) {
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

/** Say something above the field: what happened, and what works. */
export function drawSaid(app) {
  const note = byId("say");
  note.hidden = !app.said;
  if (!app.said) return note.replaceChildren();
  const { kind, slots } = app.said;
  const close = iconButton("close", t("close"), () => app.say(null));
  return note.replaceChildren(
    icon("heed"),
    h("span", {}, t(has(`e_${kind}`) ? `e_${kind}` : "e_failed", slots)),
    close,
  );
}
