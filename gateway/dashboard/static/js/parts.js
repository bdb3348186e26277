// The parts views are built of.

import { el, icon, put, refill, setText } from "./dom.js";
import { sentenceCase, timeOfDay, tone, words } from "./format.js";

let lastId = 0;
export const freshId = (stem) => `${stem}-${(lastId += 1)}`;

/** The head of a view: its title, one sentence, what can be done. */
export function head(title, sentence, ...tools) {
  return el(
    "div",
    { className: "head" },
    el("div", {}, el("h1", {}, title), sentence ? el("p", {}, sentence) : null),
    tools.length ? el("div", { className: "head-tools" }, tools) : null,
  );
}

/** A titled card; `note` stands at the right of its title. */
export function card(title, { note = null, flush = false, className = "" } = {}, ...body) {
  const id = freshId("card");
  return el(
    "section",
    { className: `card ${className}`.trim(), "aria-labelledby": id },
    el("div", { className: "card-head" }, el("h2", { id }, title), typeof note === "string" ? el("p", { className: "note" }, note) : note),
    el("div", { className: flush ? "card-body flush" : "card-body" }, body),
  );
}

export const empty = (title, hint = "") =>
  el("div", { className: "empty" }, icon("empty"), el("strong", {}, title), hint ? el("p", { className: "small" }, hint) : null);

/** What a refusal or a fault says to a person. */
export const sentence = (refusal) => refusal?.sentence?.() ?? (refusal instanceof TypeError ? "The gateway cannot be reached." : String(refusal?.message ?? refusal));

export function failure(refusal, again = null) {
  const text = refusal?.status === 403 ? `This token may not see it: ${sentence(refusal)}` : sentence(refusal);
  return el(
    "div",
    { className: "failure", role: "alert" },
    el("span", {}, text),
    again ? el("button", { className: "button small", type: "button", on: { click: again } }, "Try again") : null,
  );
}

export const skeleton = (lines = 4) =>
  el("div", { className: "skeleton", role: "status", "aria-label": "Loading" }, Array.from({ length: lines }, () => el("span")));

export const badge = (text, shade = "", dot = false) =>
  el("span", { className: dot ? "badge dot" : "badge", dataset: shade ? { tone: shade } : {} }, text);
export const stateBadge = (state) => badge(words(state ?? ""), tone(state), true);

/** Brings a badge to another state. */
export function setBadge(node, state) {
  const text = words(state ?? "");
  if (node.textContent !== text) node.textContent = text;
  node.dataset.tone = tone(state);
}

/** A moment as its time of day; `rewriteMoments` keeps it right when the world's day changes. */
export const momentNode = (iso) => el("time", { dateTime: iso ?? "" }, timeOfDay(iso));

/** Writes the moments within `node` anew: another day has begun in the world, and dates come or go. */
export function rewriteMoments(node) {
  for (const each of node.querySelectorAll("time[datetime]")) setText(each, timeOfDay(each.dateTime));
}

/** What a text said, or why nothing of it is here. */
export function saidIn({ text, code }) {
  if (text) return text;
  return el("span", { className: "soft" }, code === "mms_not_supported" ? "MMS, not supported" : "no text");
}

/** A labelled control; `properties` go to the control. */
export function field(label, control, hint = "") {
  control.id ||= freshId("field");
  if (hint) {
    const id = freshId("hint");
    control.setAttribute("aria-describedby", id);
    return el("div", { className: "field" }, el("label", { for: control.id }, label), control, el("p", { className: "hint", id }, hint));
  }
  return el("div", { className: "field" }, el("label", { for: control.id }, label), control);
}

/** A list to choose from: options are [value, label]. */
export function select(name, options, chosen = "", properties = {}) {
  const node = el("select", { name, ...properties });
  setOptions(node, options, chosen);
  return node;
}

/** Gives a list other options and keeps the choice where it can. */
export function setOptions(node, options, chosen = node.value) {
  const same = node.length === options.length && options.every(([value, label], n) => node[n].value === value && node[n].text === label);
  if (!same) refill(node, options.map(([value, label]) => el("option", { value }, label)));
  if (options.some(([value]) => value === chosen)) node.value = chosen;
}

export const button = (label, click, className = "", properties = {}) =>
  el("button", { className: `button ${className}`.trim(), type: "button", ...properties, on: { click } }, label);

/** One of few, as radio buttons in a row. */
export function segmented(legend, name, options, chosen, onChange) {
  return el(
    "div",
    { className: "segmented", role: "radiogroup", "aria-label": legend },
    options.map(([value, label]) =>
      el("label", {}, el("input", { type: "radio", name, value, checked: value === chosen, on: { change: () => onChange(value) } }), label),
    ),
  );
}

/** A list of facts: [name, value] pairs, empty ones left out; a value may be an element. */
export function facts(pairs) {
  return el(
    "dl",
    { className: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value instanceof Node ? value : String(value))]),
  );
}

/** How full something is, 0 to 1; `label` says it to those who cannot see it. */
export function meter(share, label) {
  const fill = el("span");
  const node = el("div", { className: "meter", role: "meter", "aria-valuemin": "0", "aria-valuemax": "1" }, fill);
  setMeter(node, share, label);
  return node;
}

/** A `tone` of its own is for shares that come near no limit. */
export function setMeter(node, share, label, tone = share >= 1 ? "bad" : share >= 0.8 ? "wait" : "good") {
  const shown = Math.min(Math.max(share || 0, 0), 1);
  node.firstElementChild.style.width = `${(shown * 100).toFixed(1)}%`;
  node.dataset.tone = tone;
  node.setAttribute("aria-valuenow", shown.toFixed(3));
  node.setAttribute("aria-label", label);
}

/** Waits for `work` with the form's buttons disabled, and says in `result` how it went. */
export async function submitting(form, result, work) {
  const buttons = [...form.querySelectorAll("button")];
  for (const each of buttons) each.disabled = true;
  result.textContent = "…";
  result.dataset.kind = "";
  try {
    result.textContent = (await work()) ?? "";
    result.dataset.kind = "good";
    return true;
  } catch (refusal) {
    result.textContent = sentence(refusal);
    result.dataset.kind = "bad";
    return false;
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}

/** A form whose submission runs `work(FormData)`; what it returns is said below. */
export function form({ label, submit, primary = true, onSubmit }, ...fields) {
  const result = el("p", { className: "result", role: "status" });
  const node = el(
    "form",
    {
      className: "form",
      "aria-label": label,
      on: {
        submit: (event) => {
          event.preventDefault();
          submitting(node, result, () => onSubmit(new FormData(node), node));
        },
      },
    },
    fields,
    el("div", { className: "row" }, el("button", { className: primary ? "button primary" : "button", type: "submit" }, submit), result),
  );
  return node;
}

/** A table with a caption for those who hear it; on a telephone each row becomes a block, cells named by their column. */
export function table(caption, columns, rows) {
  for (const row of rows) columns.forEach((column, n) => nameCell(row.cells[n], Array.isArray(column) ? column[0] : column));
  return el(
    "table",
    { className: rows.length ? "blocks" : "" },
    el("caption", { className: "hidden" }, caption),
    el("thead", {}, el("tr", {}, columns.map((column) => (Array.isArray(column) ? el("th", { scope: "col", className: column[1] }, column[0]) : el("th", { scope: "col" }, column))))),
    put(el("tbody"), rows),
  );
}

function nameCell(cell, name) {
  if (cell?.tagName === "TD" && typeof name === "string" && cell.hasChildNodes()) cell.dataset.label = name;
}

/** A column's name for those who hear it, where what stands in it speaks for itself. */
export const unseen = (name) => el("span", { className: "hidden" }, name);

/** What scrolls, reachable by keyboard; no landmark, since the card around it is one. */
export const scrolling = (label, ...children) => el("div", { className: "scroll", role: "group", "aria-label": label, tabIndex: 0 }, children);

/** Puts the focus on a detail's title, so that those who opened it by keys read on there. */
export function focusTitle(node) {
  const title = node.querySelector("h2");
  if (!title) return;
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}

/** Runs `close` when Escape is pressed within `node`, except in a control that has a use for it. */
export function onEscape(node, close) {
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    close();
  });
}

/** Shows a skeleton in `node`, then what `draw(await fetch())` gives, or why not with a way to try again. */
export async function loading(node, fetching, draw, lines = 4) {
  refill(node, skeleton(lines));
  try {
    refill(node, await draw(await fetching()));
  } catch (refusal) {
    if (refusal.name !== "AbortError") refill(node, failure(refusal, () => loading(node, fetching, draw, lines)));
  }
}

/** "not authorised": a word list in sentence case. */
export const title = (text) => sentenceCase(words(text));
