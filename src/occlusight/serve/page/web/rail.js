// Conversations of before, and settings that say what they did.

import { byDay, title, turnsOf } from "./conversation.js";
import { byId, h, icon } from "./dom.js";
import { url } from "./pictures.js";
import * as store from "./store.js";
import { duration, language, t } from "./words.js";

export const DEFAULTS = {
  temperature: 0,
  top_p: 1,
  max_tokens: 512,
  same: true,
  detail: "normal",
  system: "",
  open: false,
};
const PIXELS = { quick: 131_072, normal: null, fine: 4_194_304 };

/** Return the settings as a question carries them. */
export function asAsked(settings) {
  const asked = {
    temperature: settings.temperature,
    top_p: settings.top_p,
    max_tokens: settings.max_tokens,
    max_pixels: PIXELS[settings.detail],
  };
  if (settings.system.trim()) asked.system = settings.system;
  if (settings.same) asked.seed = 0;
  return asked;
}

export async function drawHistory(app) {
  const item = (conversation) => {
    const pictures = conversation.groups
      .filter((group) => group.turns.length)
      .map((group) => group.pictures[0])
      .slice(-2)
      .reverse();
    const images = pictures.map((picture) => {
      const image = h("img", { alt: "" });
      url(picture).then((found) => found && (image.src = found));
      return image;
    });
    const count = turnsOf(conversation).length;
    const current = conversation === app.conversation;
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", "aria-current": current ? "page" : null, click: () => app.open(conversation) },
        h("span", { class: images.length > 1 ? "pics two" : "pics" }, ...images),
        h(
          "span",
          {},
          h("b", {}, title(conversation)),
          h("small", {}, t(count === 1 ? "one_question" : "questions", { n: count })),
        ),
      ),
    );
  };
  const days = byDay(app.conversations).flatMap(([day, some]) => [h("h2", {}, t(day)), h("ul", {}, ...some.map(item))]);
  byId("history").replaceChildren(...(days.length ? days : [h("p", { class: "hint" }, t("history_hint"))]));
  const megabytes = (await store.bytesKept()) / 2 ** 20;
  byId("kept").textContent = t("kept", {
    mb: megabytes < 10 ? megabytes.toFixed(1) : Math.round(megabytes),
    most: store.MOST_BYTES / 2 ** 20,
  });
}

export function drawSettings(app) {
  const chosen = app.chosen;
  const last = app.last;
  const set = (name, value) => {
    app.set(name, value);
    drawSettings(app);
  };
  const body = h(
    "div",
    { class: "body", id: "settings-body" },
    slider("temperature", [0, 2, 0.1], t("vary"), vary(chosen.temperature)),
    chosen.temperature > 0 &&
      slider("top_p", [0.05, 1, 0.05], t("top_p"), chosen.top_p < 1 ? t("top_p_some") : t("top_p_all")),
    slider("max_tokens", [16, app.settings.limits.answer, 16], t("longest"), longest(chosen.max_tokens)),
    h(
      "div",
      { class: "row", title: "max_pixels" },
      h(
        "div",
        {},
        h("span", {}, t("detail")),
        h(
          "em",
          {},
          last ? t("did_read", { time: last.looking_s == null ? t("seen_before") : duration(last.looking_s) }) : "",
        ),
      ),
      h(
        "div",
        { class: "seg", role: "radiogroup", "aria-label": t("detail") },
        ...Object.keys(PIXELS).map((name) =>
          h(
            "label",
            {},
            h("input", {
              type: "radio",
              name: "detail",
              value: name,
              checked: chosen.detail === name,
              change: () => set("detail", name),
            }),
            h("span", {}, t(`detail_${name}`)),
          ),
        ),
      ),
    ),
    chosen.temperature > 0 &&
      h(
        "div",
        { class: "row", title: "seed" },
        h(
          "label",
          { class: "head" },
          h("span", {}, t("same")),
          h("input", {
            class: "switch",
            type: "checkbox",
            role: "switch",
            checked: chosen.same,
            change: (event) => set("same", event.target.checked),
          }),
        ),
      ),
    h(
      "div",
      { class: "row", title: "system" },
      h("label", { class: "vh", for: "set-system" }, t("system")),
      h("input", {
        class: "line",
        id: "set-system",
        placeholder: t("system"),
        value: chosen.system,
        maxlength: 2000,
        change: (event) => app.set("system", event.target.value),
      }),
    ),
    last && h("p", { class: "did" }, did(last)),
  );
  const toggle = h(
    "button",
    {
      type: "button",
      "aria-expanded": String(chosen.open),
      "aria-controls": "settings-body",
      click: () => {
        set("open", !chosen.open);
        byId("settings").querySelector("button").focus();
      },
    },
    h("span", {}, t("settings")),
    icon("open"),
  );
  const section = byId("settings");
  const focused = section.contains(document.activeElement) ? document.activeElement.id : null;
  section.dataset.open = String(chosen.open);
  section.replaceChildren(toggle, body);
  if (focused) byId(focused)?.focus();

  function slider(name, [low, high, step], label, said) {
    const output = h("output", { for: `set-${name}` }, said);
    const input = h("input", {
      id: `set-${name}`,
      type: "range",
      min: low,
      max: high,
      step,
      value: chosen[name],
      "aria-valuetext": said,
      input: () => app.set(name, Number(input.value)),
      change: () => drawSettings(app),
    });
    return h(
      "div",
      { class: "row", title: `${name} = ${chosen[name]}` },
      h("label", { class: "head", for: `set-${name}` }, h("span", {}, label), output),
      input,
    );
  }
}

function vary(temperature) {
  return t(temperature === 0 ? "vary_0" : temperature <= 0.4 ? "vary_1" : temperature <= 1 ? "vary_2" : "vary_3");
}

function longest(tokens) {
  return t(tokens <= 48 ? "longest_0" : tokens <= 192 ? "longest_1" : tokens <= 768 ? "longest_2" : "longest_3");
}

/** Return what the settings did to the last answer. */
function did(turn) {
  const characters = language() === "zh" ? turn.answer.length : turn.answer.split(/\s+/).filter(Boolean).length;
  const [read] = turn.read;
  return [
    t("did", { time: duration(turn.seconds), n: characters }),
    read && t("read_as", { width: read.read_size[0], height: read.read_size[1] }),
    turn.cut && t("cut"),
  ]
    .filter(Boolean)
    .join(" · ");
}
