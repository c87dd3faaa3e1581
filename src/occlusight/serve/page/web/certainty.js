// How sure something is: a word, a figure, ten ticks.

import { h } from "./dom.js";
import { certainty, percent } from "./words.js";

/** Return how sure something is; `doubted` where that is too little for it to be said. */
export function sure(probability, doubted = false) {
  return h(
    "span",
    { class: "sure" },
    h("span", {}, certainty(probability, doubted)),
    h("b", {}, percent(probability)),
    h("i", { style: `--v:${Math.round(probability * 10) / 10}`, "aria-hidden": "true" }),
  );
}
