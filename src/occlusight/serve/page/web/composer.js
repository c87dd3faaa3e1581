// Where questions are written, and pictures come in: chosen, pasted, dropped anywhere, taken.

import { byId, h, icon, iconButton } from "./dom.js";
import { has, t } from "./words.js";

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
  byId("suggestions").scrollLeft = 0;
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
