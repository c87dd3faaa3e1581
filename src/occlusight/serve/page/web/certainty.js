// How sure something is: a word, a figure, ten ticks.

import { h } from "./dom.js";
import { certainty, percent } from "./words.js";

export function sure(probability) {
  return h(
    "span",
    { class: "sure" },
    h("span", {}, certainty(probability)),
    h("b", {}, percent(probability)),
    h("i", { style: `--v:${Math.round(probability * 10) / 10}`, "aria-hidden": "true" }),
  );
}
