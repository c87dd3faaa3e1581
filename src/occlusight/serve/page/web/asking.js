// A question on its way to the server, and its answer on the way back.

import { drawComposer } from "./composer.js";
import { groupOf, historyOf } from "./conversation.js";
import { byId } from "./dom.js";
import { drawTurn, reveal } from "./log.js";
import { learnModel } from "./model.js";
import * as pictures from "./pictures.js";
import { asAsked } from "./rail.js";
import { checkTurns } from "./seeing.js";
import * as server from "./server.js";
import { duration, t } from "./words.js";

/** Have a turn of the conversation shown answered, from the beginning. */
export async function answer(app, turn) {
  const conversation = app.conversation;
  const group = groupOf(conversation, turn);
  for (const name of ["failure", "cut", "scope", "checked"]) delete turn[name];
  Object.assign(turn, { answer: "", thought: "", state: "asked", at: Date.now() });
  app.live = { turn, conversation, controller: new AbortController(), note: t("looking") };
  conversation.shown = group.id;
  app.say(null);
  drawComposer(app);
  await app.keep(conversation);
  await app.draw();
  reveal(turn);
  try {
    await exchange(app, group, turn);
  } catch (error) {
    if (error.name === "AbortError") turn.state = "stopped";
    else fail(turn, error);
  }
  app.live = null;
  if (turn.state === "done") {
    app.last = turn;
    group.domain = turn.domain;
    checkTurns(app);
  }
  await app.keep(conversation);
  await app.draw();
  reveal(turn);
  app.announce(turn.answer || t(`state_${turn.state}`));
  await learnModel(app);
}

async function exchange(app, group, turn, again = true) {
  const question = {
    question: turn.question,
    pictures: await Promise.all(group.pictures.map(pictures.serverName)),
    history: historyOf(group, turn, app.settings.limits.turns),
    ...asAsked(app.chosen),
  };
  try {
    await server.answer(question, app.live.controller.signal, (event) => take(app, turn, event));
  } catch (error) {
    if (!again || error.kind !== "gone") throw error;
    pictures.sendAgain(); // the server was started anew, or kept it long enough
    await exchange(app, group, turn, false);
  }
}

function take(app, turn, event) {
  if (event.event === "waits") app.live.note = t("waits", { n: event.ahead });
  else if (event.event === "progress") app.live.note = coming(event);
  else if (event.event === "thought") turn.thought += event.more;
  else if (event.event === "text") {
    turn.answer += event.more;
    app.live.note = t("writing");
  } else if (event.event === "failed") throw new server.Refusal(event.kind, event);
  else if (event.event === "done") finish(app, turn, event);
  const log = byId("log");
  const below = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  drawTurn(app, turn);
  if (below && app.live.conversation === app.conversation) log.scrollTop = log.scrollHeight; // its end stays in sight
}

function finish(app, turn, done) {
  turn.state = done.finish_reason === "cancelled" ? "stopped" : "done";
  turn.cut = done.finish_reason === "length";
  turn.seconds = done.seconds;
  turn.looking_s = done.looking_s;
  turn.read = done.pictures;
  turn.scope = done.scope;
  turn.domain = done.domain;
  app.idle = done.alone;
}

function fail(turn, error) {
  turn.state = "failed";
  if (error instanceof server.Refusal) turn.failure = { ...error.more, kind: error.kind };
  else {
    turn.failure = { kind: "failed", message: error.name };
    console.error(error);
  }
}

/** Return how far the first word is. */
function coming({ stage, done, total, seconds_left: left }) {
  const text = stage === "encoding" ? t("encoding", { n: Math.round((100 * done) / total) }) : t("reading");
  return left == null ? text : text + t("left", { time: duration(Math.max(1, left)) });
}
