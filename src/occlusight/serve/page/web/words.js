// The page's sentences, in the language chosen; figures as that language writes them.

const state = { words: {}, language: "en" };

/** Take the sentences, and the first language: what was chosen before, else the server's, else the browser's. */
export function begin(words, chosen, server) {
  state.words = words;
  const browser = (navigator.languages || ["en"]).map((one) => one.slice(0, 2)).find((one) => one in words);
  setLanguage([chosen, server, browser, "en"].find((one) => one in words));
}

export const language = () => state.language;

export function setLanguage(language) {
  state.language = language;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** Return a sentence with its braces filled in. */
export function t(name, slots = {}) {
  return state.words[state.language][name].replace(/\{(\w+)\}/g, (_, slot) => String(slots[slot]));
}

export const has = (name) => name in state.words[state.language];

/** Put the sentences into a part of the page: `data-t` is its text, `data-l` its label, `data-p` its placeholder. */
export function relabel(root) {
  for (const one of root.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  for (const one of root.querySelectorAll("[data-p]")) one.placeholder = t(one.dataset.p);
  for (const one of root.querySelectorAll("[data-l]")) {
    one.setAttribute("aria-label", t(one.dataset.l));
    if (one.matches("button, input")) one.title = t(one.dataset.l);
  }
}

/** Return a number of seconds, as people say it. */
export function duration(seconds) {
  if (seconds < 10) return t("seconds", { n: seconds < 0.1 ? "0.1" : seconds.toFixed(1) });
  return seconds < 90 ? t("seconds", { n: Math.round(seconds) }) : t("minutes", { n: Math.round(seconds / 60) });
}

export const percent = (share) => t("percent", { n: Math.round(share * 100) });

/** Return how sure a probability is, in words; `doubted` where that is too little for a thing to be said. */
export function certainty(probability, doubted = false) {
  if (doubted) return t("sure_no");
  const steps = [
    [0.95, "sure_95"],
    [0.85, "sure_85"],
    [0.7, "sure_70"],
    [0.55, "sure_55"],
  ];
  const shown = Math.round(probability * 100) / 100; // the word goes with the figure beside it
  return t((steps.find(([least]) => shown >= least) || [0, "sure_0"])[1]);
}

export function moment(time) {
  const locale = document.documentElement.lang;
  const date = new Date(time);
  const today = new Date().toDateString() === date.toDateString();
  return date.toLocaleString(
    locale,
    today ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : { month: "short", day: "numeric" },
  );
}
