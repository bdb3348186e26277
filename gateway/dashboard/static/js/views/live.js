// What is happening now: rates, the way from users through the gateway to the carriers, limits, refusals, texts.

import { ChartBox, Spark } from "../charts.js";
import { el, icon, keyed, onFrame, refill, setText } from "../dom.js";
import { Flow } from "../flow.js";
import { carrierName, count, duration, phone, rate, words } from "../format.js";
import { badge, card, empty, failure, head, meter, momentNode, saidIn, setBadge, setMeter, stateBadge, table } from "../parts.js";
import { SECONDS } from "../store.js";
import { address } from "../router.js";

export const TITLE = "Live";

const TILES = [
  ["accepted", "Accepted", "busy"],
  ["delivered", "Delivered", "good"],
  ["failed", "Failed", "bad"],
  ["received", "Received", "other"],
  ["refused", "Refused", "wait"],
];
const ROWS = 10;
const TABLE_INTERVAL_MS = 250; // a table that changes faster cannot be read
const LINKS_MS = 1000;
const LIMITS_MS = 3000;
const SCOPES = ["carrier", "campaign", "brand_day", "organization", "person", "number"];
const KEYS_PER_SCOPE = 20;
const SHOWN_LIMITS = 10;

export async function mount(root, stay) {
  const { app } = stay;
  const tiles = tilesOf();
  const traffic = new Traffic(app);
  const limits = new Limits();
  const refusals = new Refusals(app);
  const recent = new Recent(app, stay);
  refill(
    root,
    head("Live", "Every text from the user through the gateway to the carrier, as it moves."),
    tiles.node,
    traffic.node,
    el(
      "div",
      { className: "live-grid" },
      el("div", { className: "stack" }, traffic.rates, recent.node),
      el("div", { className: "stack" }, limits.node, refusals.node),
    ),
  );
  stay.onEnd(() => traffic.end());
  const redraw = () => traffic.flow?.measure();
  app.themeListeners.add(redraw);
  stay.onEnd(() => app.themeListeners.delete(redraw));
  const draw = onFrame(() => {
    if (stay.over) return;
    tiles.drawTotals(app.store.tally);
    refusals.draw(app.store.tally);
    recent.drawSoon();
  });
  stay.listen((name, document) => {
    if (name.startsWith("message.")) traffic.flow?.take(name, document.data ?? {});
    draw();
  });
  draw();
  stay.onRenew(() => {
    traffic.renew();
    limits.refresh(stay);
    draw();
  });
  stay.every(1000, () => {
    tiles.drawRates(app.store);
    draw(); // the API may have counted anew
  });
  await stay.every(LINKS_MS, () => traffic.refresh(stay));
  stay.every(LIMITS_MS, async () => traffic.useLimits(await limits.refresh(stay)));
}

function tilesOf() {
  const made = TILES.map(([key, name, shade]) => {
    const value = el("span", {}, "0");
    const total = el("p", { className: "total" }, "0 so far");
    const spark = new Spark(name, shade);
    const node = el(
      "div",
      { className: "card tile", dataset: { kind: key } },
      el("p", { className: "name" }, name),
      el("p", { className: "value" }, value, el("small", {}, " /s")),
      total,
      spark.node,
    );
    return { key, value, total, spark, node };
  });
  const missed = el("p", { className: "notice" }, "Some events were missed while disconnected: the totals leave them out.");
  missed.hidden = true;
  return {
    node: el("section", { className: "stack", "aria-label": "Texts per second" }, el("div", { className: "tiles" }, made.map(({ node }) => node)), missed),
    drawTotals: ({ totals, gaps }) => {
      missed.hidden = gaps === 0;
      for (const { key, total } of made) setText(total, `${count(totals[key])} so far`);
    },
    drawRates: ({ rates, now }) => {
      for (const { key, value, spark } of made) {
        setText(value, rate(rates[key].perSecond(now())));
        spark.draw(rates[key].counts.slice(0, -1));
      }
    },
  };
}

/** Users, gateway and carriers, with what moves between them. */
class Traffic {
  constructor(app) {
    this.app = app;
    this.carriers = new Map(); // name → {node, before, at, values, box}
    this.limits = [];
    this.flow = null;
    this.users = figures("people", "Webex users", ["sending", "receiving"]);
    this.gateway = figures("gateway", "Gateway", ["waiting", "refused", "in windows"]);
    this.users.node.classList.add("flow-users");
    this.gateway.node.classList.add("flow-gateway");
    this.list = el("ul", { className: "flow-carriers", "aria-label": "Carriers" });
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.stage = el("div", { className: "flow" }, this.canvas, this.users.node, this.gateway.node, this.list);
    this.trouble = el("div", { className: "slot" });
    const legend = el(
      "ul",
      { className: "legend", "aria-hidden": "true" },
      el("li", { className: "busy" }, "outbound"),
      el("li", { className: "good" }, "receipt"),
      el("li", { className: "other" }, "inbound"),
      el("li", { className: "bad" }, "refused or failed"),
    );
    this.node = card("On the way", { note: legend, flush: true }, this.trouble, this.stage);
    this.charts = el("div", { className: "charts" });
    this.rates = card("Segments per second, by carrier", { note: "last minute; dashed: the limit" }, this.charts);
  }

  end() {
    this.flow?.end();
  }

  /** After a break there may be other carriers: the way to them is laid anew. */
  renew() {
    this.flow?.end();
    this.flow = null;
    for (const known of this.carriers.values()) known.before = null;
  }

  async refresh(stay) {
    let links;
    try {
      links = await this.app.api.all("/v1/links", 100, stay.signal);
      refill(this.trouble);
    } catch (refusal) {
      if (!stay.over) refill(this.trouble, failure(refusal));
      return;
    }
    if (stay.over) return;
    const now = performance.now() / 1000;
    keyed(this.list, links, (link) => link.carrier, (link) => this.makeCarrier(link), (node, link) => this.fillCarrier(node, link, now));
    for (const name of this.carriers.keys()) if (!links.some(({ carrier }) => carrier === name)) this.carriers.delete(name);
    keyed(this.charts, [...this.carriers], ([name]) => name, ([, known]) => known.box.node);
    if (!this.flow) {
      const nodes = new Map([...this.carriers].map(([name, { node }]) => [name, node]));
      this.flow = new Flow(this.stage, this.canvas, this.users.node, this.gateway.node, nodes);
      this.flow.measure();
    }
    const { store } = this.app;
    this.users.show([`${rate(store.rates.accepted.perSecond(store.now()))} /s`, `${rate(store.rates.received.perSecond(store.now()))} /s`]);
    this.gateway.show([
      count(sum(links, "queued")),
      `${rate(store.rates.refused.perSecond(store.now()))} /s`,
      `${count(links.reduce((total, link) => total + windowUsed(link), 0))} / ${count(sum(links, "window"))}`,
    ]);
  }

  makeCarrier({ carrier }) {
    const parts = { name: el("strong", {}, carrierName(carrier)), speed: el("span", { className: "strong" }, "0 /s"), detail: el("span", { className: "detail" }) };
    const link = el("a", { className: "flow-carrier", href: address("carriers", carrier) }, parts.name, parts.speed, parts.detail);
    const node = el("li", { dataset: { carrier } }, link);
    const box = new ChartBox(carrierName(carrier), "busy", { limits: 2 });
    this.carriers.set(carrier, { node, link, parts, box, before: null, values: new Array(SECONDS).fill(0) });
    return node;
  }

  fillCarrier(_node, link, now) {
    const known = this.carriers.get(link.carrier);
    const speed = known.before ? Math.max(link.submits - known.before.submits, 0) / Math.max(now - known.before.at, 0.2) : 0;
    known.before = { submits: link.submits, at: now };
    known.values.push(speed);
    known.values.shift();
    const five = known.values.slice(-5).reduce((total, value) => total + value, 0) / 5;
    const { text, tone: shade } = bindState(link);
    known.link.dataset.tone = shade;
    setText(known.parts.speed, `${rate(five)} /s`);
    const waiting = link.queued ? ` · ${count(link.queued)} waiting ${duration(link.oldestSeconds)}` : "";
    setText(known.parts.detail, `${text} · window ${windowUsed(link)}/${link.window}${waiting}`);
    const [lines, sentence] = this.limitsOf(link.carrier);
    known.box.draw(`${rate(five)} /s`, known.values, lines, sentence);
  }

  useLimits(limits) {
    if (limits) this.limits = limits;
  }

  /** Rates that hold for a carrier: its own, and the tightest of those keyed by it; and how to say it. */
  limitsOf(carrier) {
    const found = this.limits
      .filter(({ key, rate: held }) => held && (key === carrier || key.endsWith(`@${carrier}`)))
      .map(({ scope, rate: held }) => ({ scope, perSecond: held.segments / held.periodSeconds }))
      .sort((a, b) => a.perSecond - b.perSecond);
    if (!found.length) return [[], "no rate limit in use"];
    const [tightest] = found;
    return [[...new Set(found.map(({ perSecond }) => perSecond))].slice(0, 2), `limit ${rate(tightest.perSecond)} /s · ${words(tightest.scope)}`];
  }
}

const sum = (list, name) => list.reduce((total, each) => total + each[name], 0);
const windowUsed = (link) => sum(link.binds, "windowUsed");

function figures(symbol, name, rows) {
  const values = rows.map(() => el("dd", {}, "0"));
  const node = el(
    "div",
    { className: "flow-node" },
    el("h3", {}, icon(symbol), name),
    el("dl", {}, rows.flatMap((row, n) => [el("dt", {}, row), values[n]])),
  );
  return { node, show: (texts) => texts.forEach((text, n) => setText(values[n], text)) };
}

/** What a carrier's binds are up to, in words and tone. */
export function bindState({ binds }) {
  const states = new Map();
  for (const { state } of binds) states.set(state, (states.get(state) ?? 0) + 1);
  const up = (states.get("bound") ?? 0) + (states.get("throttled") ?? 0);
  const text = [...states].map(([state, number]) => (number > 1 ? `${number} ${state}` : state)).join(", ") || "no bind";
  const shade = !up ? "bad" : up < binds.length || states.has("throttled") ? "wait" : "good";
  return { text, tone: shade };
}

/** The keys in use, fullest first. */
class Limits {
  constructor() {
    this.body = el("div", {});
    this.node = card("Limits in use", { note: "fullest first" }, this.body);
  }

  async refresh(stay) {
    try {
      const pages = await Promise.all(
        SCOPES.map((scope) => stay.api.page(`/v1/limits?scope=${scope}&max=${KEYS_PER_SCOPE}`, stay.signal)),
      );
      const found = pages.flatMap((page) => page.items);
      this.draw([...found].sort((a, b) => b.usedRatio - a.usedRatio).slice(0, SHOWN_LIMITS));
      return found;
    } catch (refusal) {
      if (!stay.over) refill(this.body, refusal.status === 403 ? empty("Limits are for administrators") : failure(refusal));
      return null;
    }
  }

  draw(shown) {
    if (!shown.length) return refill(this.body, empty("No limit in use", "A key appears with its first text."));
    if (!this.list?.isConnected) refill(this.body, (this.list = el("ul", {})));
    return keyed(this.list, shown, ({ scope, key }) => `${scope} ${key}`, limitRow, fillLimit);
  }
}

function limitRow({ scope, key }) {
  const [name, at] = key.split("@");
  const title = [phone(name), at ? carrierName(at) : ""].filter(Boolean).join(" · ");
  return el(
    "li",
    { className: "scope" },
    el("div", {}, el("p", { className: "strong anywhere" }, scope === "carrier" ? carrierName(name) : title), el("p", { className: "soft" }, words(scope))),
    el("div", { className: "gauges" }),
  );
}

function fillLimit(node, limit) {
  const gauges = [];
  if (limit.rate) {
    const { segments, periodSeconds, burst, used } = limit.rate;
    const per = periodSeconds === 1 ? "s" : duration(periodSeconds).replace(/^1 /, "");
    gauges.push({ name: "rate", share: used / burst, text: `${count(used)} of ${count(burst)} · ${count(segments)}/${per}` });
  }
  if (limit.window?.cap) {
    const { cap, period, used } = limit.window;
    gauges.push({ name: "window", share: used / cap, text: `${count(used)} of ${count(cap)} a ${period}` });
  }
  keyed(
    node.lastElementChild,
    gauges,
    ({ name }) => name,
    ({ name, share }) => el("div", { className: "gauge" }, meter(share, name), el("span", {})),
    (gauge, { name, share, text }) => {
      setMeter(gauge.firstElementChild, share, `${name}: ${text}`);
      setText(gauge.lastElementChild, text);
    },
  );
}

/** Refusals by code since the page was opened. */
class Refusals {
  constructor(app) {
    this.drawn = -1;
    this.rules = new Map();
    this.body = el("div", {});
    this.node = card("Refused and failed, by code", { note: "since this page was opened" }, this.body);
    app.list("/v1/rules").then(
      (rules) => {
        for (const rule of rules) this.rules.set(rule.code, rule);
        this.drawn = -1;
        this.draw(app.store.tally);
      },
      () => {},
    );
  }

  draw(tally) {
    if (this.drawn === tally.version) return;
    this.drawn = tally.version;
    const found = [...tally.refusals].sort((a, b) => b[1] - a[1]).slice(0, 10);
    if (!found.length) return void refill(this.body, empty("Nothing refused", "Codes are counted here as they happen."));
    const most = found[0][1];
    if (!this.list?.isConnected) refill(this.body, (this.list = el("ul", { className: "bars" })));
    keyed(
      this.list,
      found,
      ([code]) => code,
      ([code]) =>
        el("li", { className: "bar" }, el("code", {}, code), el("span", { className: "strong" }), meter(0, code), el("span", { className: "why" })),
      (node, [code, number]) => {
        setText(node.children[1], count(number));
        setMeter(node.children[2], number / most, `${code}: ${number}`, "good");
        setText(node.children[3], this.rules.get(code)?.description ?? "");
      },
    );
  }
}

/** The newest texts. */
class Recent {
  constructor(app, stay) {
    Object.assign(this, { app, stay, timer: null, drawnAt: -TABLE_INTERVAL_MS });
    this.rows = el("tbody");
    this.none = empty("No texts yet", "Send one in People: it shows up here as it moves.");
    this.lost = badge("", "wait");
    this.lost.hidden = true;
    const columns = ["Time", "From and to", "Text", "Carrier", "State"];
    const shown = table("The newest texts", columns, []);
    shown.className = "texts";
    shown.replaceChild(this.rows, shown.tBodies[0]);
    this.table = el("div", { className: "scroll", role: "region", "aria-label": "The newest texts", tabIndex: 0 }, shown);
    const all = el("a", { className: "small", href: address("messages") }, "Search all");
    this.node = card("Newest texts", { note: el("span", { className: "row" }, this.lost, all), flush: true }, this.none, this.table);
    stay.onEnd(() => clearTimeout(this.timer));
  }

  /** Draws now if the table has stood long enough, else as soon as it has. */
  drawSoon() {
    if (this.timer) return;
    const wait = this.drawnAt + TABLE_INTERVAL_MS - performance.now();
    this.timer = setTimeout(() => {
      this.timer = null;
      this.drawnAt = performance.now();
      this.draw();
    }, Math.max(wait, 0));
  }

  draw() {
    const { store } = this.app;
    const shown = store.newest(ROWS);
    this.none.hidden = shown.length > 0;
    this.table.hidden = shown.length === 0;
    this.lost.hidden = store.lost === 0;
    setText(this.lost, `a sample: ${count(store.lost)} events only counted`);
    keyed(this.rows, shown, ({ id }) => id, makeRow, fillRow);
  }
}

function makeRow(message) {
  return el(
    "tr",
    {},
    el("td", { className: "when" }, el("a", { className: "open", href: address("messages", message.id) }, momentNode(message.created))),
    el("td", { className: "nowrap ends" }, el("p", {}, phone(message.from)), el("p", { className: "soft" }, phone(message.to))),
    el("td", { className: "text", title: message.text ?? "" }, saidIn(message)),
    el("td", { className: "nowrap extra" }, carrierName(message.carrier)),
    el("td", { className: "nowrap state" }, stateBadge(message.state)),
  );
}

function fillRow(row, message) {
  const shown = row.lastElementChild.firstElementChild;
  if (shown.textContent !== words(message.state)) setBadge(shown, message.state);
  shown.title = message.code ?? "";
}

