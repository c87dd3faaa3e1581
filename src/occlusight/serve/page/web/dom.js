// Building the page's elements. Text only ever becomes text: nothing that a user or a model wrote is read as HTML.

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; attributes that are false, null or undefined are left out, functions listen to their event. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child != null && child !== false));
  return element;
}

/** Return an SVG element. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat());
  return element;
}

export function icon(name) {
  return s("svg", { class: "i", "aria-hidden": "true" }, s("use", { href: `#i-${name}` }));
}

/** Return a button that shows an icon alone. */
export function iconButton(name, label, press) {
  return h("button", { type: "button", class: "ico", "aria-label": label, title: label, click: press }, icon(name));
}

/** Return text with its **bold** parts in bold; lines stay lines by style. */
export function rich(text) {
  return text.split(/\*\*(.+?)\*\*/g).map((part, index) => (index % 2 ? h("b", {}, part) : part));
}

/** Ask whether to go on, in a dialog of the page's own; resolves to whether. */
export function confirmed(question, yes, no) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      {
        class: "confirm",
        close: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h(
        "form",
        { method: "dialog" },
        h("p", {}, question),
        h(
          "div",
          { class: "btns" },
          h("button", { class: "btn solid", value: "yes" }, yes),
          h("button", { class: "btn", value: "no", autofocus: true }, no),
        ),
      ),
    );
    byId("app").append(dialog);
    dialog.showModal();
  });
}

/** Let the browser save text as a file. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Put text on the clipboard, in pages without a secure origin too. */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = h("textarea", { class: "vh", "aria-hidden": "true" });
  area.value = text;
  byId("app").append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
