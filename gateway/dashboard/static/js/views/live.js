// What is happening now: tiles, chart, the table of texts, carriers, refusals.

import { drawChart } from "../chart.js";
import { byId, el } from "../dom.js";
import { tone } from "../store.js";

const ROWS = 100;
const TABLE_INTERVAL_MS = 250; // a table that changes faster cannot be read
const TILES = [
  { key: "accepted", label: "Accepted", tone: "busy" },
  { key: "delivered", label: "Delivered", tone: "good" },
  { key: "failed", label: "Failed", tone: "bad" },
  { key: "received", label: "Received", tone: "other" },
];
const number = new Intl.NumberFormat("en");
const rate = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** Time of day of an ISO moment, in the viewer's zone. */
export function timeOfDay(iso) {
  const moment = new Date(iso);
  return Number.isNaN(moment.getTime()) ? "" : clock.format(moment);
}

export class LiveView {
  /** `onOpen(id)` is called when somebody wants the story of a text. */
  constructor(store, onOpen) {
    this.store = store;
    this.onOpen = onOpen;
    this.rows = new Map(); // id → {row, document}
    this.held = false;
    this.tableTimer = null;
    this.tableDrawnAt = -TABLE_INTERVAL_MS;
    this.drawn = -1; // version of carriers and refusals on the page
    this.find = "";
    this.tiles = TILES.map((tile) => this.makeTile(tile));
    byId("legend").replaceChildren(
      ...TILES.map(({ label, tone: shade }) => el("li", { className: `tone-${shade}` }, el("span", {}, label))),
    );
    byId("find").addEventListener("input", (event) => {
      this.find = event.target.value;
      this.drawTable();
    });
    byId("pause").addEventListener("click", (event) => {
      this.held = !this.held;
      event.currentTarget.setAttribute("aria-pressed", String(this.held));
      event.currentTarget.textContent = this.held ? "Held" : "Hold";
      this.drawTable();
    });
    document.addEventListener("keydown", (event) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        byId("find").focus();
      }
    });
  }

  makeTile({ key, label }) {
    const value = el("p", { className: "value" }, "0");
    const speed = el("p", { className: "rate" }, "0 /s");
    byId("tiles").append(el("div", { className: "tile" }, el("p", { className: "label" }, label), value, speed));
    return { key, value, speed };
  }

  /** Draws what moves with events. */
  draw() {
    for (const { key, value } of this.tiles) setText(value, number.format(this.store.totals[key]));
    if (!this.held) this.drawTableSoon();
    if (this.drawn === this.store.version) return;
    this.drawn = this.store.version;
    this.drawCarriers();
    this.drawRefusals();
  }

  /** Draws the table now if it has stood long enough, else as soon as it has. */
  drawTableSoon() {
    if (this.tableTimer) return;
    const wait = this.tableDrawnAt + TABLE_INTERVAL_MS - performance.now();
    this.tableTimer = setTimeout(() => {
      this.tableTimer = null;
      this.tableDrawnAt = performance.now();
      if (!this.held) this.drawTable();
    }, Math.max(wait, 0));
  }

  /** Draws what moves with time. */
  drawNumbers() {
    const { rates, now } = this.store;
    for (const { key, speed } of this.tiles) setText(speed, `${rate.format(rates[key].perSecond(now()))} /s`);
    drawChart(
      byId("chart"),
      TILES.map(({ key, label, tone: shade }) => ({ name: label, tone: shade, counts: rates[key].counts.slice(0, -1) })),
    );
  }

  drawTable() {
    const shown = this.store.newest(ROWS, this.find);
    const kept = new Map();
    const body = byId("rows");
    const focused = document.activeElement?.closest?.("tr");
    let place = body.firstElementChild;
    for (const message of shown) {
      const known = this.rows.get(message.id);
      const row = known?.row ?? this.makeRow(message);
      if (known?.document !== message) fillRow(row, message);
      kept.set(message.id, { row, document: message });
      if (row === place) place = place.nextElementSibling;
      else if (row !== focused) body.insertBefore(row, place);
    }
    for (const [id, { row }] of this.rows) if (!kept.has(id)) row.remove();
    this.rows = kept;
    const empty = byId("empty");
    empty.hidden = shown.length > 0;
    empty.textContent = this.find ? "Nothing matches." : "No texts yet. Send one: it shows up here as it moves.";
  }

  makeRow(message) {
    const open = el("button", { className: "open", type: "button" });
    open.addEventListener("click", () => this.onOpen(message.id));
    const cells = [
      el("td", {}, open),
      el("td", { className: "way" }),
      el("td", { className: "mono" }),
      el("td", { className: "mono" }),
      el("td", { className: "text" }),
      el("td"),
      el("td", { className: "number" }),
      el("td", {}, el("span", { className: "state" }), el("code", { className: "why" })),
    ];
    return el("tr", { className: "fresh" }, ...cells);
  }

  drawCarriers() {
    const carriers = [...this.store.carriers.values()];
    byId("carriers").replaceChildren(...carriers.map(carrierItem));
    byId("carriers-empty").hidden = carriers.length > 0;
  }

  drawRefusals() {
    const refusals = [...this.store.refusals].sort((a, b) => b[1] - a[1]).slice(0, 10);
    byId("refusals").replaceChildren(
      ...refusals.map(([code, count]) => el("li", {}, el("code", {}, code), el("span", {}, number.format(count)))),
    );
    byId("refusals-empty").hidden = refusals.length > 0;
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fillRow(row, message) {
  const [time, way, from, to, text, carrier, parts, state] = row.cells;
  const inbound = message.direction === "inbound";
  const open = time.firstElementChild;
  setText(open, timeOfDay(message.created));
  open.setAttribute("aria-label", `Story of the text of ${open.textContent} to ${message.to}`);
  setText(way, inbound ? "in" : "out");
  setText(from, message.from ?? "");
  setText(to, message.to ?? "");
  setText(text, message.text ?? "");
  text.title = message.text ?? "";
  setText(carrier, message.carrier ?? "");
  setText(parts, String(message.segments ?? ""));
  const [chip, why] = state.children;
  setText(chip, message.state);
  chip.dataset.tone = tone(message.state);
  setText(why, message.code ?? "");
}

/** Whether a carrier has binds, in words and tone. */
export function linkState(carrier) {
  const count = Array.isArray(carrier.binds) ? carrier.binds.length : null;
  if (count) return { text: count === 1 ? "1 bind" : `${count} binds`, tone: "good" };
  if (carrier.state === "bound") return { text: "bound", tone: "good" };
  if (count === 0 || carrier.state) return { text: carrier.state ?? "no bind", tone: "bad" };
  return { text: "unknown", tone: "wait" };
}

/** What else the page says of a carrier: country, behaviour, faults, receipts still to come. */
export function carrierDetails(carrier) {
  const faults = carrier.faults?.length ?? 0;
  return [
    carrier.country,
    carrier.profile,
    faults ? `${faults} fault${faults > 1 ? "s" : ""}` : "",
    carrier.waiting ? `${number.format(carrier.waiting)} waiting` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function carrierItem(carrier) {
  const { text, tone: shade } = linkState(carrier);
  return el(
    "li",
    {},
    el("span", {}, carrier.title ?? carrier.name, " ", el("span", { className: "detail" }, carrierDetails(carrier))),
    el("span", { className: "state", dataset: { tone: shade } }, text),
  );
}
