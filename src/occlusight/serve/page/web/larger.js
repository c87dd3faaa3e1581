// A larger model, for whoever may have it served instead of the built-in one: what it takes, its download, its opening.

import { byId, confirmed, h } from "./dom.js";
import { Refusal, about, larger, withModel } from "./server.js";
import { has, t } from "./words.js";

const gigabytes = (bytes) => (bytes / 1e9).toFixed(1);

/** Return what a notice says of a larger model: a button for those who may, the command for the others. */
export function offer(app) {
  const { model } = app.larger ?? learn(app);
  if (!model) return [` ${t("larger_command")}`, h("code", {}, app.settings.command)];
  return [h("div", { id: "larger" }, ...doing(app))];
}

function learn(app) {
  app.larger = { model: null, step: null };
  larger().then(
    (model) => {
      app.larger.model = model;
      if (model) app.draw();
    },
    () => {}, // then there is no button
  );
  return app.larger;
}

function doing(app) {
  const { model, step, why } = app.larger;
  const button = (label, press) =>
    h("div", { class: "btns" }, h("button", { type: "button", class: "btn", click: press }, label));
  if (step === "asking") return [h("p", {}, t("larger_asking"))];
  if (step === "pull") {
    const bar = h("progress", { "aria-labelledby": "larger-said" });
    return [h("p", { id: "larger-said" }), bar, button(t("larger_stop"), () => app.larger.controller.abort())];
  }
  if (step === "switch")
    return [h("p", { id: "larger-said" }, t("larger_switch")), h("progress", { "aria-labelledby": "larger-said" })];
  const failed = why && h("p", { role: "alert" }, `${t("larger_failed")} `, why);
  return [failed || "", button(t("larger_get", { name: model.split("/").at(-1) }), () => get(app))];
}

function show(app, step, more = {}) {
  Object.assign(app.larger, { step, why: null, ...more });
  byId("larger")?.replaceChildren(...doing(app));
  if (step === "pull") tell(app, app.larger);
}

function tell(app, { done, total }) {
  Object.assign(app.larger, { done, total });
  const bar = byId("larger")?.querySelector("progress");
  if (!bar) return;
  Object.assign(bar, { max: total || 1, value: done });
  byId("larger-said").textContent = t("larger_pull", { done: gigabytes(done), total: gigabytes(total) });
}

async function get(app) {
  const { model } = app.larger;
  const controller = new AbortController();
  show(app, "asking");
  try {
    const takes = await about(model);
    show(app, null);
    if (!(await agreed(model, takes))) return;
    show(app, "pull", { controller, done: 0, total: takes.download_bytes ?? 0 });
    await withModel("pull", model, controller.signal, (event) => event.event === "progress" && tell(app, event));
    show(app, "switch");
    app.announce(t("larger_switch"));
    await withModel("switch", model, null, () => {});
    location.reload(); // the page of the new model
  } catch (error) {
    if (error.name === "AbortError") show(app, null);
    else if (error instanceof Refusal) show(app, null, { why: reason(error) });
    else throw error;
  }
}

/** Ask whether to do it, once what it takes is known. Throws a Refusal where there is no room. */
function agreed(model, takes) {
  const { needs, fits, free_memory, free_disk, download_bytes } = takes;
  const name = model.split("/").at(-1);
  const memory = { name, memory: gigabytes(needs.int8), free: gigabytes(free_memory) };
  if (!fits.includes("int8")) throw new Refusal("no_room", { said: t("larger_no_room", memory) });
  const download = download_bytes
    ? t("larger_download", { gb: gigabytes(download_bytes), free: gigabytes(free_disk) })
    : t("larger_here");
  return confirmed(t("larger_sure", { ...memory, download }), t("larger_yes"), t("cancel"));
}

function reason(error) {
  const { said, error: told } = error.more;
  if (told) {
    const known = has(`e_${told.code}`);
    const detail = known || !told.message ? "" : h("small", { lang: "en" }, told.message);
    return [t(known ? `e_${told.code}` : "e_failed_there"), detail];
  }
  return said ?? t(has(`e_${error.kind}`) ? `e_${error.kind}` : "e_failed");
}
