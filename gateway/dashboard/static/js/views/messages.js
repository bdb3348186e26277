// Every text there was: search and filters, and one text's whole story beside them.

import { withQuery } from "../api.js";
import { el, keyed, refill, say, setText } from "../dom.js";
import { carrierName, dateTime, numberOf, phone, words } from "../format.js";
import { button, card, empty, failure, field, focusTitle, head, momentNode, onEscape, saidIn, scrolling, select, sentence, setBadge, skeleton, stateBadge, table } from "../parts.js";
import { address } from "../router.js";
import { storyOf } from "../story.js";

export const TITLE = "Messages";

const STATES = ["accepted", "queued", "submitted", "delivered", "undeliverable", "expired", "rejected", "unknown", "deleted", "received"];
const PAGE = 50;
const MAX_ROWS = 1000;
const TYPING_MS = 250;
const PART_OF_A_NUMBER = "Write the whole number, such as (310) 555-0120 or +1 310 555 0120.";
const FOCUSABLE = "a, button, summary, h2, [tabindex='0']";
const FILTERS = ["contains", "number", "state", "direction", "carrier", "code", "personId"];

export async function mount(root, stay) {
  const view = new Messages(stay);
  refill(root, view.node);
  stay.onPlace = (place) => view.goTo(place);
  stay.onRenew(() => view.renew());
  stay.listen((name, document) => view.take(name, document.data ?? {}));
  await view.start();
}

class Messages {
  constructor(stay) {
    Object.assign(this, { stay, app: stay.app, api: stay.api });
    this.query = Object.fromEntries(FILTERS.map((name) => [name, stay.place.query[name] ?? ""]));
    this.shown = new Map(); // id → text, newest first
    this.next = "";
    this.asked = 0;
    this.opened = "";
    this.fresh = 0;
    this.rows = el("tbody");
    const found = table("Texts", ["Time", "From and to", "Text", ["Carrier", "extra"], ["Parts", "number extra"], "State"], []);
    found.className = "texts";
    found.replaceChild(this.rows, found.tBodies[0]);
    this.table = scrolling("Texts", found);
    this.message = el("div", { className: "slot" });
    this.more = button("Load older", () => this.load(true));
    this.news = button("", () => this.load(), "small");
    this.news.hidden = true;
    this.filters = this.makeFilters();
    this.list = card("Texts", { note: this.news, flush: true }, this.message, this.table, el("div", { className: "row card-body" }, this.more));
    this.detail = el("div", { className: "stack" });
    onEscape(this.detail, () => this.close());
    this.body = el("div", { className: "split" }, this.list, this.detail);
    this.node = el("div", { className: "stack" }, head("Messages", "Find a text and see its whole story: what every rule said, every PDU, every receipt."), this.filters, this.body);
  }

  makeFilters() {
    const search = (name, label, hint) => {
      const input = el("input", { type: "search", name: `by-${name}`, value: this.query[name], placeholder: hint, autocomplete: "off", spellcheck: false });
      input.addEventListener("input", () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.change(), TYPING_MS);
      });
      return field(label, input);
    };
    const choice = (name, label, options) => {
      const node = select(`by-${name}`, options, this.query[name]); // a control called "contains" would hide form.contains
      node.addEventListener("change", () => this.change());
      return field(label, node);
    };
    this.carrierList = choice("carrier", "Carrier", [["", "Any"]]);
    this.peopleList = choice("personId", "Person", [["", "Anybody"]]);
    const text = search("contains", "Text contains", "appointment");
    text.classList.add("widest");
    const number = search("number", "Number", "(310) 555-0120");
    this.partial = el("p", { className: "result small slot", role: "status", dataset: { kind: "bad" } });
    number.append(this.partial);
    const node = el(
      "form",
      { className: "card card-body filters", role: "search", "aria-label": "Filter texts", on: { submit: (event) => event.preventDefault() } },
      text,
      number,
      choice("state", "State", [["", "Any"], ...STATES.map((state) => [state, words(state)])]),
      choice("direction", "Direction", [["", "Both"], ["outbound", "outbound"], ["inbound", "inbound"]]),
      this.carrierList,
      this.peopleList,
      search("code", "Code", "recipient_opted_out"),
    );
    return node;
  }

  async start() {
    const fill = (wrap, any, options) => {
      const list = wrap.querySelector("select");
      const name = list.name.slice("by-".length);
      refill(list, [["", any], ...options].map(([value, label]) => el("option", { value }, label)));
      list.value = this.query[name];
    };
    this.app.carriers().then((names) => fill(this.carrierList, "Any", names.map((name) => [name, carrierName(name)])), () => {});
    this.app.people().then((people) => fill(this.peopleList, "Anybody", people.map((one) => [one.id, `${one.firstName} ${one.lastName}`])), () => {});
    await Promise.all([this.load(), this.open(this.stay.place.id)]);
  }

  change() {
    const given = new FormData(this.filters);
    this.query = Object.fromEntries(FILTERS.map((name) => [name, (given.get(`by-${name}`) ?? "").trim()]));
    const number = numberOf(this.query.number);
    setText(this.partial, number === null ? PART_OF_A_NUMBER : "");
    if (number === null) return;
    this.query.number = number;
    this.app.note("messages", this.opened, this.query);
    this.load();
  }

  /** Another address of this view: other filters, another text, or none. */
  goTo({ id, query }) {
    const asked = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
    if (FILTERS.some((name) => asked[name] !== this.query[name])) {
      clearTimeout(this.typing);
      this.query = asked;
      for (const name of FILTERS) this.filters.elements[`by-${name}`].value = asked[name];
      setText(this.partial, "");
      this.shown.clear();
      this.load();
    }
    const before = this.opened;
    this.open(id).then(() => {
      if (this.opened !== id || this.stay.over) return;
      if (id) focusTitle(this.detail);
      else this.rows.keyed?.get(before)?.querySelector("a").focus();
    });
  }

  close() {
    this.app.go("messages", "", this.query);
  }

  /** After a break: what is listed and what is opened, as they are now. */
  renew() {
    this.load();
    if (this.opened) this.open(this.opened, true);
  }

  async load(older = false) {
    const turn = (this.asked += 1);
    if (!older && !this.shown.size) refill(this.message, el("div", { className: "card-body" }, skeleton(6)));
    this.more.disabled = true;
    try {
      const path = older ? this.next : withQuery("/v1/messages", { ...this.query, max: PAGE });
      const page = await this.api.page(path, this.stay.signal);
      if (turn !== this.asked) return; // a later question has been asked
      if (!older) this.shown.clear();
      for (const message of page.items) this.shown.set(message.id, message);
      this.next = this.shown.size < MAX_ROWS ? page.next : "";
      this.fresh = 0;
      refill(this.message);
    } catch (refusal) {
      if (turn !== this.asked || this.stay.over) return;
      this.shown.clear();
      refill(this.message, el("div", { className: "card-body" }, failure(refusal, () => this.load())));
    }
    this.draw();
  }

  draw() {
    keyed(this.rows, [...this.shown.values()], ({ id }) => id, (message) => this.makeRow(message), (row, message) => this.fillRow(row, message));
    this.table.hidden = this.shown.size === 0;
    this.more.hidden = !this.next;
    this.more.disabled = false;
    this.news.hidden = this.fresh === 0;
    setText(this.news, `${this.fresh} new · show`);
    if (!this.shown.size && !this.message.firstChild) {
      const filtered = Object.values(this.query).some(Boolean);
      refill(this.message, filtered ? empty("No text matches", "Loosen a filter.") : empty("No texts yet", "Send one in People."));
    }
  }

  makeRow(message) {
    const open = el("a", { className: "open" }, momentNode(message.created));
    open.title = dateTime(message.created);
    const row = el(
      "tr",
      { className: "pick", on: { click: (event) => event.target.closest("a") || open.click() } },
      el("td", { className: "when" }, open),
      el("td", { className: "nowrap ends" }, el("p", {}, phone(message.from)), el("p", { className: "soft" }, phone(message.to))),
      el("td", { className: "text", title: message.text ?? "" }, saidIn(message)),
      el("td", { className: "nowrap extra" }, carrierName(message.carrier)),
      el("td", { className: "number extra" }, String(message.segments)),
      el("td", { className: "nowrap state" }, stateBadge(message.state)),
    );
    return row;
  }

  fillRow(row, message) {
    row.setAttribute("aria-selected", String(message.id === this.opened));
    row.querySelector("a").href = address("messages", message.id, this.query);
    const shown = row.lastElementChild.firstElementChild;
    if (shown.textContent !== words(message.state)) setBadge(shown, message.state);
    shown.title = message.code ?? "";
  }

  /** An event of the stream: states move where they are shown, new texts are announced. */
  take(name, message) {
    const known = this.shown.get(message.id);
    if (known) {
      this.shown.set(message.id, { ...known, ...message });
      const row = this.rows.keyed?.get(message.id);
      if (row) this.fillRow(row, message);
    } else if (name === "message.accepted" || name === "message.received") {
      this.fresh += 1;
      this.news.hidden = false;
      setText(this.news, `${this.fresh} new · show`);
    }
    if (message.id && message.id === this.opened && name.startsWith("message.")) this.reopenSoon();
  }

  reopenSoon() {
    clearTimeout(this.reopening);
    this.reopening = setTimeout(() => !this.stay.over && this.open(this.opened, true), 150);
  }

  async open(id, again = false) {
    this.opened = id;
    for (const [key, row] of this.rows.keyed ?? []) row.setAttribute("aria-selected", String(key === id));
    this.body.classList.toggle("split", Boolean(id));
    this.detail.hidden = !id;
    if (!id) return refill(this.detail);
    if (!again) refill(this.detail, this.detailCard(null, skeleton(8)));
    try {
      const message = await this.api.get(`/v1/messages/${encodeURIComponent(id)}`, this.stay.signal);
      if (this.opened !== id) return;
      const story = await this.storyCard(message);
      if (this.opened !== id) return;
      const open = [...this.detail.querySelectorAll("details[open]")].map((each) => each.dataset.name);
      const focused = [...this.detail.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
      const { scrollTop } = this.detail;
      refill(this.detail, story);
      this.detail.scrollTop = again ? scrollTop : 0;
      for (const each of this.detail.querySelectorAll("details")) if (open.includes(each.dataset.name)) each.open = true;
      const place = this.detail.querySelectorAll(FOCUSABLE)[focused];
      if (place?.matches("h2")) focusTitle(this.detail);
      else place?.focus({ preventScroll: true });
      if (!again && matchMedia("(max-width: 1150px)").matches) this.detail.scrollIntoView({ block: "start" });
    } catch (refusal) {
      if (!this.stay.over && this.opened === id) refill(this.detail, this.detailCard(null, failure(refusal, () => this.open(id))));
    }
    return undefined;
  }

  async storyCard(message) {
    const [people, rules] = await Promise.all([this.app.people().catch(() => []), this.app.list("/v1/rules").catch(() => [])]);
    const result = el("p", { className: "result slot", role: "status" });
    const waiting = message.state === "accepted" || message.state === "queued";
    const back = waiting ? button("Take it back", () => this.takeBack(message.id, result), "small danger") : null;
    return this.detailCard(back, result, storyOf(message, { people, rules }));
  }

  detailCard(tool, ...body) {
    const close = el("a", { className: "button quiet small", href: address("messages", "", this.query) }, "Close");
    return card("One text", { note: el("div", { className: "row" }, tool, close) }, body);
  }

  async takeBack(id, result) {
    try {
      await this.api.delete(`/v1/messages/${encodeURIComponent(id)}`);
      this.open(id, true);
    } catch (refusal) {
      say(result, sentence(refusal), "bad");
    }
  }
}

