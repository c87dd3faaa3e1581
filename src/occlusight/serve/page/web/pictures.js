// Pictures: examples of the server, and the visitor's own, which the browser keeps and sends again where the server has
// forgotten them.

import { Refusal, address, forget, send } from "./server.js";
import * as store from "./store.js";

const SHOWN = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/avif"];
const onServer = new Map();
const urls = new Map();

export const newId = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((one) => one.toString(16).padStart(2, "0")).join("");

/** Return a picture of the visitor's own, after the server has taken it. */
export async function bring(file, from, limits) {
  if (file.size > limits.bytes) throw new Refusal("too_large");
  const id = newId();
  const name = file.name || "picture.png";
  const sent = await send(file, name);
  onServer.set(id, sent.name);
  const kept = await store.keepPicture(id, file, name);
  if (SHOWN.includes(file.type) && !sent.film) urls.set(id, URL.createObjectURL(file));
  return { id, name, from, kept, film: sent.film, concerns: sent.concerns };
}

export const example = (one) => ({ id: one.name, name: one.name.split("/").pop(), from: "example", kept: true });

/** Return the server's name of a picture, sending it where the server does not have it. */
export async function serverName(picture) {
  if (picture.from === "example") return picture.id;
  if (!onServer.has(picture.id)) {
    const kept = await store.picture(picture.id);
    if (!kept) throw new Refusal("not_kept");
    onServer.set(picture.id, (await send(kept.blob, kept.name)).name);
  }
  return onServer.get(picture.id);
}

/** Believe no longer that the server has any picture. */
export const sendAgain = () => onServer.clear();

/** Return where a picture can be shown from, or nothing where it is not kept any more. */
export async function url(picture) {
  if (picture.from === "example") return address(picture.id);
  if (!urls.has(picture.id)) {
    const kept = await store.picture(picture.id);
    if (kept && SHOWN.includes(kept.blob.type) && !picture.film) urls.set(picture.id, URL.createObjectURL(kept.blob));
    else {
      const name = kept || onServer.has(picture.id) ? await serverName(picture).catch(() => null) : null;
      return name && address(name);
    }
  }
  return urls.get(picture.id);
}

/** Forget a picture here and on the server. */
export async function remove(picture) {
  if (picture.from === "example") return;
  await store.removePicture(picture.id);
  if (onServer.has(picture.id)) forget(onServer.get(picture.id));
  onServer.delete(picture.id);
  if (urls.has(picture.id)) URL.revokeObjectURL(urls.get(picture.id));
  urls.delete(picture.id);
}
