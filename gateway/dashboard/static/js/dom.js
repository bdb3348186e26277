// Building the page. Everything a peer may have chosen enters as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id; the page's own markup guarantees it. */
export const byId = (id) => document.getElementById(id);

/** An element with properties and children: el("li", {title: "x", on: {click}}, "text", otherElement). */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "dataset") Object.assign(node.dataset, value);
    else if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (name === "role" || name.includes("-")) node.setAttribute(name, value);
    else if (name === "for") node.htmlFor = value;
    else node[name] = value;
  }
  put(node, children);
  return node;
}

/** Appends children, lists of them flattened, nothing left out silently but null, undefined and false. */
export function put(node, ...children) {
  const wanted = children.flat(4).filter((child) => child !== null && child !== undefined && child !== false);
  node.append(...wanted);
  return node;
}

/** Replaces what `node` holds. */
export function refill(node, ...children) {
  node.replaceChildren();
  return put(node, children);
}

/** An SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** One of the page's icons. */
export const icon = (name) => svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));

/** Changes a node's text only if it differs: a screen reader then hears what is new. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Says something beside a form: kind is "good", "bad" or "". */
export function say(node, text, kind = "") {
  setText(node, text);
  node.dataset.kind = kind;
}

/**
 * Brings `node`'s children in line with `items` and keeps the elements of those that stay: focus, selection and
 * scroll positions survive. `make(item)` builds an element, `fill(element, item)` brings it up to date.
 */
export function keyed(node, items, key, make, fill) {
  const known = node.keyed ?? new Map();
  const kept = new Map();
  let place = node.firstElementChild;
  for (const item of items) {
    const name = key(item);
    if (kept.has(name)) continue;
    const child = known.get(name) ?? make(item);
    fill?.(child, item);
    kept.set(name, child);
    if (child === place) place = place.nextElementSibling;
    else node.insertBefore(child, place);
  }
  for (const [name, child] of known) if (kept.get(name) !== child) child.remove();
  node.keyed = kept;
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
