// The graph of the picture shown: asked for, drawn over it, and chosen in by mouse and keyboard.

import { card, strip } from "./card.js";
import * as larger from "./larger.js";
import { byId, h, icon } from "./dom.js";
import { begun, follow, forgetFilms, frameGraph } from "./film.js";
import { chosen, drawing, located } from "./graph.js";
import { drawTurn } from "./log.js";
import { sendAgain, serverName } from "./pictures.js";
import { fill } from "./room.js";
import { Refusal, check, graph as ask } from "./server.js";
import { language, percent, t } from "./words.js";

const OWN_WORLD = 0.5; // pictures that are less probably of the model's world are said to be none of it
const START = { relation: 0, object: null, gone: false };

/** The graphs of pictures by their ids: null while one is made, false where there is none. */
export const graphs = new Map();
const guessed = new Set();

/** Return the graph of a picture, or of the frame shown of a video; see `graphs`. */
const known = (picture) => frameGraph(picture) ?? graphs.get(picture.id);

/** Forget what a model saw: another one answers. */
export function forgetGraphs(app) {
  graphs.clear();
  guessed.clear();
  forgetFilms();
  for (const group of [app.conversation, ...app.conversations].flatMap((one) => one.groups)) delete group.domain;
  app.seen = START;
}

/** Return how probably a picture is of the model's world, where that is known. */
const domain = (app, graph) => (graph ? graph.certainty.domain : null) ?? app.shownGroup.domain ?? null;
/** Whether so probable a picture of the model's world is none, as that model tells. */
export const foreign = ({ settings }, share) => !settings.model.photographs && share != null && share < OWN_WORLD;

/** Whether a picture is looked at unasked: where that takes seconds, an example, and one that was asked about and is of
 * the model's world, once nobody else waits for the server. */
function unasked(app, picture) {
  if (!app.settings.model.quick || picture.film) return false;
  const asked = app.shownGroup.turns.some((turn) => turn.state === "done");
  return picture.from === "example" || (asked && app.idle && !foreign(app, domain(app, graphs.get(picture.id))));
}

/** Ask for the graph of a picture, once. */
export async function look(app, picture, wanted = false) {
  if (!app.settings.model.graphs || graphs.has(picture.id) || app.live) return;
  if (!wanted && !unasked(app, picture)) return;
  const { model } = app.settings;
  graphs.set(picture.id, null);
  if (wanted) app.draw();
  try {
    const graph = await asked(picture);
    if (model !== app.settings.model) return; // its graphs were forgotten meanwhile
    graphs.set(picture.id, graph);
  } catch (error) {
    app.idle = false;
    graphs.delete(picture.id);
    if (wanted) app.refuse(error, picture.name);
    else if (picture.from === "example") graphs.set(picture.id, false);
  }
  app.seen = START;
  if (app.shownPicture?.id === picture.id) await app.draw();
  await checkTurns(app);
}

/** Hold what was answered about the picture shown against its graph, where there is one. */
export async function checkTurns(app) {
  const { conversation, shownGroup: group } = app;
  const graph = drawn(app);
  if (!graph || group.pictures.length > 1 || group.pictures[0].film) return; // a film's graph is of its first frame
  for (const turn of group.turns.filter((one) => one.state === "done" && one.checked === undefined)) {
    turn.checked = null;
    const before = group.turns.slice(0, group.turns.indexOf(turn)).filter((one) => one.state === "done");
    const claim = {
      question: turn.question,
      answer: turn.answer.slice(0, app.settings.limits.question),
      picture: await serverName(group.pictures[0]),
      history: before.map((one) => one.question).slice(-app.settings.limits.turns),
    };
    try {
      turn.checked = await check(claim);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      delete turn.checked; // it can be checked another time
    }
    await app.keep(conversation);
    if (turn.checked) drawTurn(app, turn);
  }
}

async function asked(picture) {
  try {
    return await ask(await serverName(picture));
  } catch (error) {
    if (error.kind !== "gone") throw error;
    sendAgain(); // the server was started anew, or kept it long enough
    return ask(await serverName(picture));
  }
}

/** Return the graph that is drawn over the picture shown, or nothing. */
export function drawn(app) {
  const picture = app.shownPicture;
  const graph = picture && known(picture);
  return graph && graph.objects.length && (!foreign(app, domain(app, graph)) || guessed.has(picture.id)) ? graph : null;
}

/** Whether nothing is drawn unasked, since the picture shown is none of the model's world. */
export function barred(app) {
  const picture = app.shownPicture;
  return Boolean(picture) && foreign(app, domain(app, known(picture))) && !guessed.has(picture.id);
}

/** Take back that arrows are guessed on the picture shown: what it is said to be stands there again. */
export async function notGuessed(app) {
  if (guessed.delete(app.shownPicture?.id)) await app.draw();
}

/** Draw the graph over the picture, at the size at which that is shown. */
export function drawGraph(app) {
  const figure = byId("picture");
  const image = figure.querySelector("img");
  const graph = drawn(app);
  figure.querySelector("svg")?.remove();
  if (!graph || !image?.naturalWidth) return;
  const { width, height } = figure.getBoundingClientRect();
  if (located(graph).objects.length) figure.append(drawing(graph, app.seen, width, height, image.src));
}

/** Return what stands under the picture. */
export function under(app) {
  const picture = app.shownPicture;
  const against = (picture?.concerns ?? []).map((one) => note([one[language()]]));
  if (!picture) return [];
  const all = [...against, ...seen(app, picture)];
  return drawn(app) || !all.length ? all : [h("section", { class: "plain" }, ...all)];
}

/** Return what is known of what hides what, or how to come to know it. */
function seen(app, picture) {
  const graph = known(picture);
  if (graph === null) return [announced("seeing"), h("progress", { "aria-label": t("seeing") })];
  if (barred(app)) return [notice(app, picture, graph)];
  if (drawn(app)) return [strip(graph, app.seen), card(app, graph, app.seen)];
  if (begun(picture)) return []; // what there is of a video stands above
  const unsure = !app.settings.model.photographs && picture.from !== "example" && domain(app, graph) == null;
  return [...(unsure ? [note([t("renders"), ...larger.offer(app)])] : []), ...offer(app, picture, graph)];
}

/** Return the name of what is not there yet, and what it will tell. */
const announced = (name) =>
  h("div", { role: "status" }, h("h2", {}, t(name)), h("p", { class: "quiet" }, t("look_more")));

/** Return the button that asks for the graph, where there is none yet. */
function offer(app, picture, graph) {
  const button = (name, press) =>
    h("button", { type: "button", class: "btn", id: "look", disabled: Boolean(app.live), click: press }, t(name));
  if (picture.film) return app.settings.model.follows ? [button("follow", () => follow(app, picture))] : [];
  if (!app.settings.model.graphs || graph !== undefined || (app.settings.model.quick && picture.from === "example"))
    return [];
  const press = () => look(app, picture, true);
  return [h("div", { class: "offer" }, button("look", press), h("p", { class: "quiet" }, t("look_more")))];
}

function notice(app, picture, graph) {
  const guess = () => {
    guessed.add(picture.id);
    app.draw();
  };
  const share = percent(Math.min(0.99, 1 - domain(app, graph)));
  const said = [h("b", {}, t("photograph", { share })), ` ${t("photograph_more")}`];
  return note([
    ...said,
    ...larger.offer(app),
    graph ? h("div", { class: "btns" }, h("button", { type: "button", class: "btn", click: guess }, t("guess"))) : "",
  ]);
}

const note = (said) => h("div", { class: "note", role: "note", tabindex: -1 }, icon("heed"), h("div", {}, ...said));

/** Choose a relation or an object that was pressed; the focus stays where it was. */
function choose(app, target) {
  const graph = drawn(app);
  if (!graph) return;
  const inPicture = target.closest("#picture") ? "#picture " : target.closest("#under") ? "#under " : null;
  if (target.dataset.r != null) app.see({ relation: Number(target.dataset.r), object: null, gone: false });
  else {
    const id = target.dataset.o;
    const relation = graph.relations.findIndex((one) => one.occluder === id || one.occluded === id);
    app.see({
      relation: relation < 0 ? app.seen.relation : relation,
      object: app.seen.object === id ? null : id,
      gone: false,
    });
  }
  const again = target.dataset.r != null ? `[data-r="${target.dataset.r}"]` : `[data-o="${target.dataset.o}"]`;
  if (inPicture) document.querySelector(inPicture + again)?.focus({ preventScroll: true });
}

/** Light an object up in the picture and wherever it is named; without one, what is chosen. */
function light(app, id) {
  const graph = drawn(app);
  const on = new Set(graph ? (id ? [id] : chosen(graph, app.seen)) : []);
  for (const one of document.querySelectorAll("#picture :is(.g-obj, .lab)"))
    one.classList.toggle("on", on.has(one.dataset.o));
  for (const one of document.querySelectorAll(".ob")) one.classList.toggle("on", id != null && one.dataset.o === id);
}

/** Listen to what is pressed, pointed at and reached. */
export function listen(app) {
  const page = byId("app");
  page.addEventListener("click", (event) => {
    const target = event.target.closest("[data-r], [data-o]");
    if (target) choose(app, target);
  });
  page.addEventListener("keydown", (event) => {
    const target = event.target.closest(".g-rel, .g-obj");
    if (target && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(app, target);
    } else if (event.key === "Escape" && target) app.see(START);
  });
  for (const [over, out] of [
    ["mouseover", "mouseout"],
    ["focusin", "focusout"],
  ]) {
    const words = (event) => event.target.closest(".ob, .strip [data-o]");
    page.addEventListener(over, (event) => words(event) && light(app, words(event).dataset.o));
    page.addEventListener(out, (event) => words(event) && light(app, null));
  }
  new ResizeObserver(([{ target }]) => {
    target.classList.toggle("narrower", target.offsetWidth < target.parentElement.clientWidth - 40);
    drawGraph(app);
    fill(app);
  }).observe(byId("picture"));
}
