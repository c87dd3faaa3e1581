// What the browser keeps: conversations and pictures in IndexedDB, small choices in localStorage. Where a browser keeps
// nothing (a private window, say), all lasts as long as the page is open.

export const MOST_BYTES = 50 * 2 ** 20;

const memory = { conversations: new Map(), pictures: new Map() };
let opening = null;

function open() {
  opening ??= new Promise((resolve) => {
    let request;
    try {
      request = indexedDB.open("occlusight", 1);
    } catch {
      resolve(null);
      return;
    }
    request.onupgradeneeded = () => {
      request.result.createObjectStore("conversations", { keyPath: "id" });
      request.result.createObjectStore("pictures", { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null);
  });
  return opening;
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function all(store) {
  const database = await open();
  if (!database) return [...memory[store].values()];
  return done(database.transaction(store).objectStore(store).getAll());
}

async function put(store, value) {
  const database = await open();
  if (!database) memory[store].set(value.id, value);
  else await done(database.transaction(store, "readwrite").objectStore(store).put(value));
}

async function remove(store, id) {
  const database = await open();
  if (!database) memory[store].delete(id);
  else await done(database.transaction(store, "readwrite").objectStore(store).delete(id));
}

/** Return the conversations, the latest first. */
export async function conversations() {
  return (await all("conversations")).sort((a, b) => b.changed - a.changed);
}

export const keepConversation = (conversation) => put("conversations", structuredClone(conversation));
export const removeConversation = (id) => remove("conversations", id);

/** Keep a picture; where that makes too many bytes, the ones used longest ago go. Returns whether it was kept. */
export async function keepPicture(id, blob, name) {
  if (blob.size > MOST_BYTES) return false;
  try {
    await put("pictures", { id, blob, name, bytes: blob.size, used: Date.now() });
  } catch {
    return false; // the disk is full, or the browser allows no more
  }
  const kept = (await all("pictures")).sort((a, b) => a.used - b.used);
  let bytes = kept.reduce((sum, one) => sum + one.bytes, 0);
  for (const one of kept) {
    if (bytes <= MOST_BYTES) break;
    await remove("pictures", one.id);
    bytes -= one.bytes;
  }
  return true;
}

/** Return a picture that was kept, or nothing. */
export async function picture(id) {
  const database = await open();
  const found = database
    ? await done(database.transaction("pictures").objectStore("pictures").get(id))
    : memory.pictures.get(id);
  if (found) await put("pictures", { ...found, used: Date.now() });
  return found;
}

export const removePicture = (id) => remove("pictures", id);

export async function bytesKept() {
  return (await all("pictures")).reduce((sum, one) => sum + one.bytes, 0);
}

/** Return a small choice that was kept, or what stands instead. */
export function choice(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`occlusight.${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keep a small choice, where the browser allows it. */
export function choose(name, value) {
  try {
    localStorage.setItem(`occlusight.${name}`, JSON.stringify(value));
  } catch {
    // it lasts as long as the page is open
  }
}
