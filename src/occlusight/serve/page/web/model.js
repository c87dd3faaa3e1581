// The model that answers: whoever runs the server may change it under an open page.

import { checkTurns, forgetGraphs } from "./seeing.js";
import * as server from "./server.js";
import { t } from "./words.js";

const EVERY_MS = 20_000;

/** Learn whether another model answers by now, and show it. What the former one said stands; its graphs do not. */
export async function learnModel(app) {
  let model;
  try {
    model = await server.model();
  } catch (error) {
    if (error instanceof server.Refusal) return; // the next question will tell
    throw error;
  }
  if (app.live || JSON.stringify(model) === JSON.stringify(app.settings.model)) return;
  app.settings.model = model;
  app.larger = null;
  forgetGraphs(app);
  await app.draw();
  app.announce(t("another_model", { name: modelName(app) }));
  await checkTurns(app);
}

/** Return the model's name as it is shown. */
export const modelName = ({ settings: { model } }) => (model.photographs ? model.name : t("built_in"));

/** Ask now and then, as long as the page is looked at, and whenever it is looked at again. */
export function listen(app) {
  const look = () => document.visibilityState === "visible" && learnModel(app);
  document.addEventListener("visibilitychange", look);
  setInterval(look, EVERY_MS);
}
