// A conversation: groups of turns, each group about its own pictures, so that no answer stands beside another picture.

import { newId } from "./pictures.js";
import { language, moment, t } from "./words.js";

export const newConversation = () => ({ id: newId(), name: "", changed: Date.now(), groups: [], shown: null });

/** Begin a group about pictures and show it; a shown group without turns makes place. */
export function begin(conversation, pictures) {
  conversation.groups = conversation.groups.filter((group) => group.turns.length);
  const group = { id: newId(), pictures, at: Date.now(), picture: 0, turns: [] };
  conversation.groups.push(group);
  conversation.shown = group.id;
  return group;
}

export const shown = (conversation) => conversation.groups.find((group) => group.id === conversation.shown);

export const newTurn = (question) => ({
  id: newId(),
  question,
  answer: "",
  thought: "",
  state: "asked",
  at: Date.now(),
});

/** Return the group that a turn belongs to. */
export const groupOf = (conversation, turn) => conversation.groups.find((group) => group.turns.includes(turn));

export const turnsOf = (conversation) => conversation.groups.flatMap((group) => group.turns);

export function title(conversation) {
  return conversation.name || turnsOf(conversation)[0]?.question || t("new_title");
}

/** Return the earlier questions and answers of a turn's group, the last so many. */
export function historyOf(group, turn, most) {
  const before = group.turns.slice(0, group.turns.indexOf(turn)).filter((one) => one.state === "done" && one.answer);
  const said = before.flatMap((one) => [
    { role: "user", text: one.question },
    { role: "assistant", text: one.answer },
  ]);
  return said.slice(-most + (most % 2));
}

export const pictureTitle = (conversation, group) => t("picture_n", { n: conversation.groups.indexOf(group) + 1 });

export function pictureNames(group) {
  return group.pictures.map((one) => (one.from === "example" ? t("from_example") : one.name)).join(", ");
}

export function asMarkdown(conversation) {
  const lines = [`# ${title(conversation)}`, ""];
  for (const group of conversation.groups.filter((one) => one.turns.length)) {
    lines.push(`## ${pictureTitle(conversation, group)}: ${group.pictures.map((one) => one.name).join(", ")}`, "");
    for (const turn of group.turns) {
      lines.push(`**${turn.question}**`, "", turn.answer || t(`state_${turn.state}`), "");
      if (turn.checked && !turn.checked.agrees) lines.push(`${t("checked")}: ${turn.checked.text}`, "");
    }
  }
  return lines.join("\n");
}

export function asJson(conversation) {
  const document = {
    version: 1,
    name: title(conversation),
    language: language(),
    groups: conversation.groups
      .filter((one) => one.turns.length)
      .map((group) => ({
        pictures: group.pictures.map(({ name, from }) => ({ name, from })),
        turns: group.turns.map(({ id, ...turn }) => turn),
      })),
  };
  return JSON.stringify(document, null, 1);
}

/** Return a name for files made of a conversation. */
export function fileName(conversation) {
  const words = title(conversation)
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .slice(0, 40)
    .replace(/^-|-$/g, "");
  return words || "conversation";
}

/** Return conversations by when they were last changed: today, yesterday, earlier. */
export function byDay(conversations) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const day = (time) => (time >= midnight ? "today" : time >= midnight - 86_400_000 ? "yesterday" : "earlier");
  return ["today", "yesterday", "earlier"]
    .map((name) => [name, conversations.filter((one) => day(one.changed) === name)])
    .filter(([, some]) => some.length);
}

export const when = (group) => moment(group.at);
