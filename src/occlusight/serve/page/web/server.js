// What the page asks of the server. What is refused is thrown as a Refusal, whose `kind` names a sentence of the page.

export class Refusal extends Error {
  constructor(kind, more = {}) {
    super(kind);
    this.kind = kind;
    this.more = more;
  }
}

const BY_STATUS = { 403: "reopen", 404: "gone", 408: "no_server", 413: "too_large", 422: "not_so", 500: "failed" };

const OF_QUESTIONS = { ...BY_STATUS, 413: "not_so" };

async function asked(path, init, byStatus = BY_STATUS) {
  let response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("no_server");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Refusal(byStatus[response.status] || body.kind || "no_server", body);
}

/** Send a picture; returns the server's name of it, and what speaks against it. */
export async function send(blob, name) {
  const form = new FormData();
  form.append("picture", blob, name);
  return (await asked("pictures", { method: "POST", body: form })).json();
}

export const address = (name) => `pictures/${name.split("/").map(encodeURIComponent).join("/")}`;

/** Let the server forget a picture; it forgets by itself too, so a failure is none. */
export const forget = (name) => fetch(address(name), { method: "DELETE" }).catch(() => {});

/** Return where the graph of a picture comes from, as json, svg or png. */
export const graphAddress = (name, kind, language) =>
  `graphs/${kind}/${name.split("/").map(encodeURIComponent).join("/")}?language=${language}`;

/** Return the relation graph of a picture. */
export const graph = async (name) => (await asked(graphAddress(name, "json", "en"))).json();

/** Return where something of a video that was followed comes from: json, timeline, or of a frame jpg, svg, png. */
export const trackAddress = (name, kind, query) =>
  `tracks/${kind}/${name.split("/").map(encodeURIComponent).join("/")}?${new URLSearchParams(query)}`;

/** Return about where the things of a frame are, by their ids, in thousandths of the picture. */
export const placesIn = async (name, frame) => (await asked(trackAddress(name, "places", { frame }))).json();

/** Return who is hidden when in a video that was followed, as SVG. */
export const timeline = async (name, language, width) =>
  (await asked(trackAddress(name, "timeline", { language, width }))).text();

/** Follow the things of a video, and hand each event to `take` as it comes. */
export const follow = (name, signal, take) => events("tracks", { video: name }, signal, take);

/** Return what a picture's graph says to a question that was answered; null where it says nothing of it. */
export async function check(claim) {
  const headers = { "Content-Type": "application/json" };
  return (await asked("checks", { method: "POST", body: JSON.stringify(claim), headers })).json();
}

/** Return the model that answers now, as the page's settings tell it at the start. */
export const model = async () => (await asked("model")).json();

/** Return the model that this visitor may have served instead of the present one; null for none. */
export const larger = async () => (await (await asked("larger")).json()).model;

/** Return what a model takes. */
export const about = async (model) => (await asked(`admin/models/${model}`)).json();

/** Have the server do something with a model, `pull` or `switch` to it, and hand each event to `take` as it comes. */
export async function withModel(what, model, signal, take) {
  const headers = { "Content-Type": "application/json" };
  const init = { method: "POST", body: JSON.stringify({ model }), headers, signal };
  let ended = false;
  for await (const line of linesOf(await asked(`admin/models/${what}`, init))) {
    if (!line.startsWith("data:")) continue;
    const event = JSON.parse(line.slice(5));
    if (event.error) throw new Refusal("server_says", { error: event.error });
    ended ||= event.event === "done";
    take(event);
  }
  if (!ended) throw new Refusal("broken_off");
}

/** Ask, and hand each event to `take` as it comes. */
export const answer = (question, signal, take) => events("answers", question, signal, take);

async function events(path, wanted, signal, take) {
  const init = {
    method: "POST",
    body: JSON.stringify(wanted),
    headers: { "Content-Type": "application/json" },
    signal,
  };
  let ended = false;
  for await (const line of linesOf(await asked(path, init, OF_QUESTIONS))) {
    const event = JSON.parse(line);
    ended ||= event.event === "done" || event.event === "failed";
    take(event);
  }
  if (!ended) throw new Refusal("broken_off");
}

/** Yield the lines of a response as they come, until it ends or breaks off. */
async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let read;
    try {
      read = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      return;
    }
    if (read.done) return;
    const lines = (rest + read.value).split("\n");
    rest = lines.pop();
    yield* lines;
  }
}
