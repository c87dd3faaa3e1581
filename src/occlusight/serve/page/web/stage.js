// The picture shown, those of the conversation beside it, and the examples.

import { pictureNames, pictureTitle } from "./conversation.js";
import { byId, h, icon } from "./dom.js";
import { drawFilm, forget, frameSource } from "./film.js";
import { example, url } from "./pictures.js";
import { fill } from "./room.js";
import { barred, drawGraph, drawn, look, under } from "./seeing.js";
import { language, t } from "./words.js";

export function drawStage(app) {
  arrange();
  drawThumbs(app);
  if (app.shownPicture) look(app, app.shownPicture);
  drawShown(app);
}

/** Draw what depends on what is chosen: the picture with its graph, and what stands under it. */
export function drawShown(app) {
  drawPicture(app);
  drawFilm(app, barred(app));
  byId("under").replaceChildren(...under(app));
  showChosen();
  byId("save").hidden = !drawn(app);
  fill(app);
}

/** Scroll the row of objects so that those chosen are in sight: the first of them, where there is no room for both. */
function showChosen() {
  const row = document.querySelector(".strip ol");
  const chosen = row?.querySelectorAll(".on");
  if (!chosen?.length) return;
  const [first, last] = [chosen[0], chosen[chosen.length - 1]].map((one) => one.parentElement);
  const right = last.offsetLeft + last.offsetWidth - row.clientWidth + FADED;
  const cut = () => row.classList.toggle("cut", row.scrollLeft > 0);
  row.addEventListener("scroll", cut, { passive: true });
  row.scrollLeft = Math.max(0, Math.min(first.offsetLeft - FADED, right));
  cut();
}

const FADED = 26; // pixels: the faded ends of the row of objects
const narrow = matchMedia("(max-width: 760px)");

/** On a phone the thumbnails, what can be asked, and what happens in a video go with the conversation: the picture alone
 * stays in place, with the slider of a video. */
function arrange() {
  const [bar, scope] = [document.querySelector(".bar"), byId("scope")];
  const conversation = document.querySelector(".conv");
  if (narrow.matches) conversation.prepend(scope, bar, byId("happens"));
  else {
    document.querySelector(".stage").prepend(bar);
    byId("film").after(byId("happens"));
    document.querySelector(".ask").prepend(scope);
  }
}

/** Listen to the window changing its size, and becoming that of a phone, or no more. */
export function listen(app) {
  narrow.addEventListener("change", () => app.draw());
  window.addEventListener("resize", () => requestAnimationFrame(() => fill(app)));
}

async function drawPicture(app) {
  const group = app.shownGroup;
  const figure = byId("picture");
  const picture = app.shownPicture;
  if (!picture) {
    figure.dataset.id = "";
    figure.replaceChildren(h("label", { class: "empty", for: "files" }, icon("picture"), h("span", {}, t("empty"))));
    return;
  }
  const alt = `${pictureTitle(app.conversation, group)}: ${pictureNames(group)}`;
  const frame = frameSource(picture);
  if (figure.dataset.id === picture.id) {
    const image = figure.querySelector("img");
    image?.setAttribute("alt", alt);
    if (image && frame && image.getAttribute("src") !== frame) {
      image.src = frame; // once it is there, its graph is drawn: until then both are those of the frame before
      return;
    }
    const lost = figure.querySelector(".lost");
    if (lost) lost.textContent = t("lost");
    drawGraph(app);
    return;
  }
  figure.dataset.id = picture.id;
  const source = frame ?? (await url(picture));
  if (figure.dataset.id !== picture.id) return; // another was chosen meanwhile
  const lost = () => figure.replaceChildren(h("p", { class: "lost" }, t("lost")));
  if (!source) {
    lost();
    return;
  }
  const image = h("img", {
    alt,
    src: source,
    error: () => (frameSource(picture) ? unfollow(app, picture) : lost()),
    load: () => {
      figure.style.setProperty("--w", image.naturalWidth);
      figure.style.setProperty("--h", image.naturalHeight);
      drawGraph(app);
    },
  });
  figure.replaceChildren(image);
}

/** Show a video as it was before it was followed: the server has forgotten its frames. */
function unfollow(app, picture) {
  forget(picture);
  byId("picture").dataset.id = "";
  app.draw();
}

/** The pictures of the conversation, and the examples, of which one press asks. */
function drawThumbs(app) {
  const groups = app.conversation.groups;
  const here = app.shownGroup;
  const own = groups.flatMap((group) =>
    group.pictures.map((picture, index) => {
      const label =
        group.pictures.length > 1
          ? t("picture_of", { n: groups.indexOf(group) + 1, k: index + 1 })
          : pictureTitle(app.conversation, group);
      const pressed = group === here && index === group.picture;
      return thumb(picture, label, { "aria-pressed": String(pressed), click: () => app.show(group, index) });
    }),
  );
  const asked = groups.some((group) => group.turns.length);
  const others = asked
    ? app.settings.examples.filter((one) => !groups.some((group) => group.pictures[0].id === one.name))
    : [];
  const examples = others.map((one) =>
    thumb(example(one), one.question[language()], { click: () => app.askExample(one) }),
  );
  byId("thumbs").replaceChildren(
    ...(own.length ? [h("span", { class: "xs quiet" }, t("here")), ...own] : []),
    ...(examples.length ? [h("hr"), h("span", { class: "xs quiet" }, t("try")), ...examples] : []),
  );
}

function thumb(picture, label, attributes) {
  const image = h("img", { alt: "" });
  url(picture).then((found) => found && (image.src = found));
  return h("button", { type: "button", "aria-label": label, title: label, ...attributes }, image);
}

/** Return the examples with their questions, for a conversation in which nothing has been asked. */
export function firstExamples(app) {
  const cards = app.settings.examples.map((one) => exampleCard(app, one));
  return h("section", { class: "first" }, h("h2", {}, t("examples")), h("div", { class: "examples" }, ...cards));
}

/** Return an example with its question: one press asks it. */
export function exampleCard(app, one) {
  const image = h("img", { alt: "" });
  url(example(one)).then((found) => {
    image.src = found;
  });
  return h(
    "button",
    { type: "button", class: "example", disabled: Boolean(app.live), click: () => app.askExample(one) },
    image,
    h("span", {}, one.question[language()]),
  );
}
