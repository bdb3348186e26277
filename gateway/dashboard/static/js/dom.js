// Building the page. Everything a peer may have chosen enters as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id; the page's own markup guarantees it. */
export const byId = (id) => document.getElementById(id);

/** An element with properties and children: el("li", {title: "x"}, "text", otherElement). */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(node.dataset, value);
    else if (name.includes("-")) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Says something beside a form: kind is "good", "bad" or "". */
export function say(node, text, kind = "") {
  node.textContent = text;
  node.dataset.kind = kind;
}

/** Runs `draw` at most once per animation frame, however often it is asked to. */
export function onFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
