// The page: what it shows and what can be done on it. Gradio calls `start` once its own part is drawn.

import { answer } from "./asking.js";
import * as composer from "./composer.js";
import * as talk from "./conversation.js";
import { byId, confirmed, download, h } from "./dom.js";
import { forget, saveSource } from "./film.js";
import { drawLog } from "./log.js";
import * as model from "./model.js";
import * as pictures from "./pictures.js";
import { DEFAULTS, drawHistory, drawSettings } from "./rail.js";
import { fill } from "./room.js";
import * as seeing from "./seeing.js";
import { Refusal, graphAddress } from "./server.js";
import * as stage from "./stage.js";
import * as store from "./store.js";
import { begin, language, relabel, setLanguage, t } from "./words.js";

class App {
  constructor(settings) {
    this.settings = settings;
    this.chosen = { ...DEFAULTS, open: matchMedia("(min-height: 800px)").matches, ...store.choice("settings", {}) };
    this.conversations = [];
    this.conversation = talk.newConversation();
    this.live = null; // the turn that is being answered, and how to stop it
    this.last = null; // the turn answered last
    this.idle = false; // whether nobody else waited for the server when an answer last ended
    this.said = null;
    this.seen = { relation: 0, object: null, gone: false }; // what is chosen in the graph
    this.unfolded = false;
  }

  get shownGroup() {
    return talk.shown(this.conversation);
  }

  get shownPicture() {
    return this.shownGroup?.pictures[this.shownGroup.picture];
  }

  graphOfTurn(turn) {
    const group = talk.groupOf(this.conversation, turn);
    return group === this.shownGroup ? seeing.drawn(this) : null;
  }

  see(seen) {
    this.seen = seen;
    stage.drawShown(this);
  }

  unfold() {
    this.unfolded = !this.unfolded;
    stage.drawShown(this);
    document.querySelector(".fold")?.focus();
  }

  async load() {
    this.conversations = await store.conversations();
    for (const turn of this.conversations.flatMap(talk.turnsOf)) {
      if (turn.state === "asked") turn.state = "broken_off";
    }
    const current = store.choice("current", null);
    const found = this.conversations.find((one) => one.id === current);
    if (found) this.conversation = found;
    else this.showFirstExample();
  }

  showFirstExample() {
    const [first] = this.settings.examples;
    if (first) talk.begin(this.conversation, [pictures.example(first)]);
  }

  async draw() {
    relabel(byId("app"));
    byId("model").textContent = model.modelName(this);
    byId("model").title = this.settings.model.name;
    byId("title").textContent = talk.title(this.conversation);
    for (const id of ["rename", "export", "delete"]) byId(id).hidden = !talk.turnsOf(this.conversation).length;
    stage.drawStage(this);
    drawLog(this);
    composer.drawComposer(this);
    composer.drawSaid(this);
    drawSettings(this);
    await drawHistory(this);
    fill(this);
  }

  async keep(conversation = this.conversation) {
    if (!talk.turnsOf(conversation).length) return;
    conversation.changed = Date.now();
    this.conversations = [conversation, ...this.conversations.filter((one) => one !== conversation)];
    if (conversation === this.conversation) store.choose("current", conversation.id);
    await store.keepConversation(conversation);
  }

  say(kind, slots = {}) {
    this.said = kind && { kind, slots };
    composer.drawSaid(this);
  }

  announce(text) {
    byId("announce").textContent = text;
  }

  set(name, value) {
    this.chosen[name] = value;
    store.choose("settings", this.chosen);
  }

  // ---- pictures

  async bring(files, from) {
    const brought = [];
    this.say("sending", { n: files.length });
    let refused = null;
    for (const file of files.slice(0, this.settings.limits.pictures)) {
      try {
        const cannot = file.type.startsWith("video/") && !this.settings.model.films;
        if (cannot) throw new Refusal("no_picture", { what: "a video" });
        brought.push(await pictures.bring(file, from, this.settings.limits));
      } catch (error) {
        refused = [error, file.name];
      }
    }
    this.say(null);
    const together = this.settings.model.pictures ?? brought.length;
    const groups = brought.length <= together ? [brought] : brought.map((one) => [one]);
    for (const group of groups.filter((one) => one.length)) talk.begin(this.conversation, group);
    if (brought.length) await this.draw();
    if (brought.some((one) => !one.kept)) this.say("not_room");
    if (refused) this.refuse(...refused);
    byId("question").focus();
  }

  refuse(error, name) {
    if (!(error instanceof Refusal)) throw error;
    const known = error.more.what ? `what_${error.more.what.replace(/\W+/g, "_")}` : null;
    const kind = error.kind === "no_picture" && !known ? "unknown_file" : error.kind;
    this.say(kind, {
      name,
      what: known ? t(known) : "",
      seconds: error.more.seconds,
      mb: this.settings.limits.bytes / 2 ** 20,
    });
  }

  show(group, picture = group.picture) {
    this.conversation.shown = group.id;
    this.seen = { relation: 0, object: null, gone: false };
    group.picture = picture;
    return this.draw();
  }

  // ---- questions

  askWritten(question) {
    if (!this.shownGroup) return this.say("no_picture_yet");
    if (!question.trim()) return this.say("no_question");
    byId("question").value = "";
    composer.fit();
    return this.ask(question.trim());
  }

  askExample(one) {
    if (this.live) return;
    const shown = this.shownGroup;
    if (shown?.pictures[0].id !== one.name) talk.begin(this.conversation, [pictures.example(one)]);
    this.ask(one.question[language()]);
  }

  ask(question) {
    if (this.live) return null;
    const turn = talk.newTurn(question.slice(0, this.settings.limits.question));
    this.shownGroup.turns.push(turn);
    return answer(this, turn);
  }

  retry(turn) {
    if (!this.live) answer(this, turn);
  }

  edit(turn, question) {
    if (this.live) return;
    turn.question = question.trim();
    answer(this, turn);
  }

  stop() {
    this.live?.controller.abort();
  }

  // ---- conversations

  async open(conversation) {
    this.conversation = conversation;
    store.choose("current", conversation.id);
    this.foldRail();
    this.say(null);
    await this.draw();
    byId("log").scrollTop = talk.turnsOf(conversation).length ? byId("log").scrollHeight : 0;
  }

  async renew() {
    const conversation = talk.newConversation();
    this.conversation = conversation;
    this.showFirstExample();
    await this.open(conversation);
    byId("question").focus();
  }

  async removeTurn(turn) {
    if (this.live?.turn === turn) this.stop();
    const group = talk.groupOf(this.conversation, turn);
    group.turns = group.turns.filter((one) => one !== turn);
    if (talk.turnsOf(this.conversation).length) {
      await this.keep();
      await this.draw();
    } else await this.remove(this.conversation);
  }

  async remove(conversation) {
    if (this.live?.conversation === conversation) this.stop();
    const others = this.conversations.filter((one) => one !== conversation);
    const needed = new Set(
      others
        .flatMap((one) => one.groups)
        .flatMap((one) => one.pictures)
        .map((one) => one.id),
    );
    for (const picture of conversation.groups.flatMap((one) => one.pictures)) {
      if (needed.has(picture.id)) continue;
      forget(picture);
      await pictures.remove(picture);
    }
    await store.removeConversation(conversation.id);
    this.conversations = others;
    if (conversation === this.conversation) await this.renew();
  }

  async removeAll() {
    for (const conversation of [...this.conversations]) await this.remove(conversation);
    await this.draw();
  }

  rename() {
    const name = h("input", { class: "line", "aria-label": t("rename"), maxlength: 80 });
    name.value = talk.title(this.conversation);
    let left = false;
    const leave = async (keep) => {
      if (left) return;
      left = true;
      if (keep) this.conversation.name = name.value.trim();
      await this.keep();
      await this.draw();
      byId("rename").focus();
    };
    name.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) leave(true);
      if (event.key === "Escape") leave(false);
    });
    name.addEventListener("blur", () => leave(true));
    byId("title").replaceChildren(name);
    name.select();
  }

  foldRail(open = false) {
    byId("rail").classList.toggle("open", open);
    byId("menu").setAttribute("aria-expanded", String(open));
  }
}

function listen(app) {
  composer.listen(app);
  seeing.listen(app);
  stage.listen(app);
  model.listen(app);
  const press = (id, does) => byId(id).addEventListener("click", does);
  press("new", () => app.renew());
  press("menu", () => app.foldRail(!byId("rail").classList.contains("open")));
  press("rename", () => app.rename());
  press("delete", async () => {
    if (await confirmed(t("sure_delete"), t("delete"), t("cancel"))) await app.remove(app.conversation);
  });
  press("delete-all", async () => {
    if (await confirmed(t("sure_delete_all"), t("delete"), t("cancel"))) await app.removeAll();
  });
  const name = (ending) => `${talk.fileName(app.conversation)}.${ending}`;
  press("export-md", () => download(name("md"), "text/markdown", talk.asMarkdown(app.conversation)));
  press("export-json", () => download(name("json"), "application/json", talk.asJson(app.conversation)));
  for (const kind of ["png", "svg", "json"]) {
    press(`save-${kind}`, async () => {
      const picture = app.shownPicture;
      const place = saveSource(picture, kind) ?? graphAddress(await pictures.serverName(picture), kind, language());
      h("a", { href: place, download: `${picture.name.replace(/\.\w+$/, "")}.${kind}` }).click();
    });
  }
  for (const [menu, button] of [
    ["exports", "export"],
    ["saves", "save"],
  ]) {
    byId(menu).addEventListener("click", () => byId(menu).hidePopover());
    byId(menu).addEventListener("toggle", (event) => placeMenu(event, byId(button)));
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#rail, #menu, dialog")) app.foldRail();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest?.("textarea, input")) {
      event.preventDefault();
      byId("question").focus();
    } else if (event.key === "Escape") app.foldRail();
  });
  for (const one of document.getElementsByName("language")) {
    one.checked = one.value === language();
    one.addEventListener("change", () => {
      setLanguage(one.value);
      store.choose("language", one.value);
      app.draw();
    });
  }
  for (const one of document.getElementsByName("theme")) {
    one.checked = one.value === document.documentElement.dataset.theme;
    one.addEventListener("change", () => {
      setTheme(one.value);
      store.choose("theme", one.value);
    });
  }
}

function placeMenu(event, opener) {
  if (event.newState !== "open") return;
  const place = opener.getBoundingClientRect();
  event.target.style.top = `${place.bottom + 4}px`;
  event.target.style.left = `${Math.max(8, place.right - event.target.offsetWidth)}px`;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

/** Begin. `settings` is what `Page.settings` tells. */
export async function start(element, settings) {
  settings = JSON.parse(JSON.stringify(settings));
  begin(settings.words, store.choice("language", null), settings.language);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  setTheme(store.choice("theme", dark ? "dark" : "light"));
  const app = new App(settings);
  await app.load();
  listen(app);
  await app.draw();
  byId("app").hidden = false;
  fill(app);
  if (talk.turnsOf(app.conversation).length) byId("log").scrollTop = byId("log").scrollHeight;
  document.documentElement.dataset.ready = "true";
}
