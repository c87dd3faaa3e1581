// A video whose things are followed: a slider over its frames, who is hidden when, and what happens.

import { byId, h, icon, s } from "./dom.js";
import { sendAgain, serverName } from "./pictures.js";
import { Refusal, follow as ask, placesIn, timeline, trackAddress } from "./server.js";
import { language, percent, t } from "./words.js";

const narrow = matchMedia("(max-width: 760px)");

/** Videos by the ids of pictures: {controller, note, share} while one is followed, then {name, track, frame}. */
const films = new Map();

/** Whether a video is being followed, or was. */
export const begun = (picture) => films.has(picture.id);

const followed = (picture) => (films.get(picture.id)?.track ? films.get(picture.id) : null);

const graphAt = ({ track }, frame) => ({
  ...track.frames[frame].graph,
  certainty: { ...track.frames[frame].graph.certainty, domain: track.domain },
  rules: track.rules,
});

/** Return the graph of the frame shown of a video that was followed, or nothing. */
export function frameGraph(picture) {
  const film = followed(picture);
  return film && graphAt(film, film.frame);
}

/** Return where the frame shown of a video that was followed can be had, or nothing. */
export function frameSource(picture) {
  const film = followed(picture);
  return film && trackAddress(film.name, "jpg", { frame: film.frame });
}

/** Return where to save something of a video that was followed: all that is known (json), or the frame with its arrows
 * (png, svg); nothing for others. */
export function saveSource(picture, kind) {
  const film = followed(picture);
  return film && trackAddress(film.name, kind, { frame: film.frame, language: language() });
}

/** Forget a video, and follow it no longer. */
export function forget(picture) {
  films.get(picture.id)?.controller?.abort();
  films.delete(picture.id);
}

/** Forget all videos: another model answers. */
export function forgetFilms() {
  for (const film of films.values()) film.controller?.abort();
  films.clear();
}

/** Follow the things of a video. */
export async function follow(app, picture) {
  const film = { controller: new AbortController(), note: t("seeing"), share: null };
  films.set(picture.id, film);
  await app.draw();
  byId("stop-following")?.focus();
  try {
    await exchange(app, picture, film);
  } catch (error) {
    if (films.get(picture.id) === film) films.delete(picture.id);
    if (error.name !== "AbortError") app.refuse(error, picture.name);
  }
  await app.draw();
  if (app.shownPicture !== picture) return; // another is looked at meanwhile
  const found = followed(picture);
  if (found) app.announce(happened(found.track));
  byId(found ? "slider" : "look")?.focus();
}

async function exchange(app, picture, film, again = true) {
  const name = await serverName(picture);
  try {
    await ask(name, film.controller.signal, (event) => take(app, picture, film, name, event));
  } catch (error) {
    if (!again || error.kind !== "gone") throw error;
    sendAgain(); // the server was started anew, or kept it long enough
    await exchange(app, picture, film, false);
  }
}

function take(app, picture, film, name, event) {
  if (event.event === "failed") throw new Refusal(event.kind, event);
  if (event.event === "done") films.set(picture.id, { name, track: event.track, frame: 0 });
  else {
    film.note = event.event === "waits" ? t("waits", { n: event.ahead }) : "";
    film.share = event.event === "progress" ? event.done / event.total : null;
    if (app.shownPicture === picture) refresh(picture, film);
  }
}

/** Show another frame; the pair that is chosen stays so where it is in that, too. */
function move(app, film, frame, pair) {
  const last = film.track.frames.length - 1;
  const before = graphAt(film, film.frame);
  const wanted = pair ?? before.relations[app.seen.relation];
  film.frame = Math.min(last, Math.max(0, frame));
  const now = graphAt(film, film.frame);
  const same = (one) => one.occluder === wanted?.occluder && one.occluded === wanted?.occluded;
  const there = now.objects.some((one) => one.id === app.seen.object);
  app.see({
    relation: Math.max(0, now.relations.findIndex(same)),
    object: there && !pair ? app.seen.object : null,
    gone: false,
  });
  if (film.frame < last) new Image().src = trackAddress(film.name, "jpg", { frame: film.frame + 1 }); // most likely next
}

/** Return the last frame that is not after so many seconds. */
function frameAt({ track }, seconds) {
  const after = track.frames.findIndex((one) => one.t > seconds + 0.002);
  return after < 0 ? track.frames.length - 1 : Math.max(0, after - 1);
}

/** Draw what there is of the video shown, unless it must `not` be; what is there already stays, and keeps the focus. */
export function drawFilm(app, not) {
  const picture = app.shownPicture;
  const film = picture && !not && films.get(picture.id);
  const key = film ? `${picture.id} ${language()} ${Boolean(film.track)} ${narrow.matches}` : "";
  if (byId("film").dataset.key !== key) {
    byId("film").dataset.key = key;
    byId("film").replaceChildren(...(film ? (film.track ? slider(app, film) : coming(film)) : []));
    byId("happens").replaceChildren(...(film?.track?.objects.length ? [plot(app, film), events(app, film)] : []));
  }
  if (film) refresh(picture, film);
  if (film?.track) locate(app, picture, film);
}

const RESTS_MS = 250; // a frame that is passed by is not asked about

/** Ask about where the things of the frame shown are, once, where the model says that of one after another. */
async function locate(app, picture, film) {
  const { frame } = film;
  const { graph } = film.track.frames[frame];
  if (!app.settings.model.locates || graph.places || film.locating === frame) return;
  film.locating = frame;
  await new Promise((rested) => setTimeout(rested, RESTS_MS));
  if (film.frame !== frame || app.shownPicture !== picture) {
    if (film.locating === frame) film.locating = null;
    return;
  }
  try {
    graph.places = await placesIn(film.name, frame);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return; // once another frame was shown it is asked again
  }
  if (film.frame === frame && app.shownPicture === picture) app.see(app.seen);
}

function coming(film) {
  const stop = h(
    "button",
    { type: "button", class: "btn", id: "stop-following", click: () => film.controller.abort() },
    icon("stop"),
    t("stop"),
  );
  return [
    h("p", { id: "film-said", class: "xs quiet", role: "status" }),
    h("progress", { "aria-labelledby": "film-said" }),
    h("div", { class: "btns" }, stop),
  ];
}

function slider(app, film) {
  const input = h("input", {
    type: "range",
    id: "slider",
    min: 0,
    max: film.track.frames.length - 1,
    step: 1,
    "aria-label": t("time"),
    input: (event) => move(app, film, Number(event.target.value)),
  });
  return [h("p", { class: "now" }, h("b", {}), h("span", {})), input];
}

/** Return who is hidden when, as the server draws it: a click, or an arrow key, shows another frame. */
function plot(app, film) {
  const keys = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  const place = h("div", {
    class: "plot",
    role: "group",
    tabindex: 0,
    "aria-label": t("plot"),
    click: (event) => {
      const svg = place.querySelector("svg");
      if (!svg) return;
      const { left, right, seconds } = scale(svg);
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      move(app, film, frameAt(film, ((at.x - left) / (right - left)) * seconds));
    },
    keydown: (event) => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      move(app, film, film.frame + keys[event.key]);
    },
  });
  requestAnimationFrame(() => fill(app, film, place));
  return place;
}

async function fill(app, film, place) {
  let text;
  try {
    text = await timeline(film.name, language(), Math.round(place.clientWidth));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return; // the events are there, and the frames
  }
  const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  for (const bar of svg.querySelectorAll("[tabindex]")) bar.removeAttribute("tabindex"); // the whole is one stop
  svg.append(s("line", { class: "head", y1: 2, y2: svg.viewBox.baseVal.height - 26 }));
  place.replaceChildren(svg);
  const { left, right, seconds, width } = scale(svg);
  const reach = ((right - left) * film.track.frames.at(-1).t) / seconds;
  byId("slider")?.style.setProperty("margin-left", `calc(${(100 * left) / width}% - 6px)`);
  byId("slider")?.style.setProperty("width", `calc(${(100 * reach) / width}% + 12px)`);
  if (app.shownPicture) refresh(app.shownPicture, film);
}

function scale(svg) {
  const [left, right, seconds] = ["left", "right", "seconds"].map((name) => Number(svg.dataset[name]));
  return { left, right, seconds: seconds || 1, width: svg.viewBox.baseVal.width };
}

/** Return what happens, in its order: each moves to its time. */
function events(app, film) {
  const { events: all } = film.track;
  if (!all.length) return h("p", { class: "quiet" }, t("nothing_happens"));
  const items = all.map((one) => {
    const press = () => move(app, film, frameAt(film, one.start_s), one);
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", click: press },
        h("span", {}, t("seconds", { n: one.start_s.toFixed(1) })),
        h("span", {}, one.evidence[language()]),
        one.probability == null ? "" : h("span", { class: "quiet" }, percent(one.probability)),
      ),
    );
  });
  return h("ol", { class: "events", "aria-label": t("events") }, ...items);
}

const happened = ({ objects, events: all }) =>
  objects.length ? t("followed", { n: all.length }) : t("nothing_recognised");

/** Show how far it is, or which frame is shown, in what stands there. */
function refresh(picture, film) {
  if (!byId("film").dataset.key.startsWith(picture.id)) return;
  if (!film.track) return refreshComing(film);
  const { frames, events: all } = film.track;
  const seconds = frames[film.frame].t;
  const when = t("frame_n", { time: t("seconds", { n: seconds.toFixed(1) }), n: film.frame + 1, count: frames.length });
  const hidden = film.track.objects.length ? whereabouts(film) : t("nothing_recognised");
  const [said, where] = document.querySelectorAll("#film .now > *");
  [said.textContent, where.textContent] = [when, hidden];
  byId("slider").value = film.frame;
  byId("slider").setAttribute("aria-valuetext", `${when}: ${hidden}`);
  for (const [n, button] of document.querySelectorAll("#happens .events button").entries()) {
    const { start_s: start, end_s: end } = all[n];
    button.setAttribute("aria-current", String(start <= seconds + 0.002 && (end == null || seconds + 0.002 < end)));
  }
  const head = document.querySelector("#happens .head");
  if (!head) return;
  const { left, right, seconds: length } = scale(head.ownerSVGElement);
  for (const end of ["x1", "x2"]) head.setAttribute(end, left + ((right - left) * seconds) / length);
}

function refreshComing({ note, share }) {
  const bar = document.querySelector("#film progress");
  byId("film-said").textContent = share == null ? note : t("looking_through", { n: Math.round(100 * share) });
  if (share == null) bar.removeAttribute("value");
  else bar.value = share;
}

/** Return what is not seen in the frame shown, and where it must be. */
function whereabouts({ track, frame }) {
  const name = (id) => {
    const one = track.objects.find((object) => object.id === id);
    return language() === "zh" ? one.name_zh : one.name;
  };
  const parts = track.objects.flatMap(({ id, where }) => {
    const [state, by] = where[frame].split(" ");
    if (state === "behind") return [t("is_behind", { a: name(id), b: name(by) })];
    return state === "out" ? [t("is_out", { a: name(id) })] : [];
  });
  return parts.join(t("joined")) || t("none_hidden");
}
