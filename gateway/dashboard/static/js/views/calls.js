// Simulated telephones with their softkeys and recording icon, calls between them, and small scenarios.

import { el, keyed, refill, setText } from "../dom.js";
import { duration, phone, RECORD_ICONS, timeOfDay, words } from "../format.js";
import { badge, button, card, empty, failure, field, form, head, momentNode, scrolling, select, setBadge, setOptions, stateBadge, table } from "../parts.js";
import { Scenarios } from "../scenarios.js";

export const TITLE = "Calls";

const REFRESH_MS = 5000;
const CHANGED_MS = 120;
const SHOWN_CALLS = 20;
const MODES = { always: "always recorded", always_with_pause: "always, may pause", on_demand: "on demand", on_demand_from_connect: "on demand, from connect", never: "never recorded" };
const KEPT = { started: "yes", stopped: "yes", discarded: "discarded", failed: "failed" }; // by the last the log says of it
const DIAL = "Call from here"; // no softkey: it leads to the form
const KEYS = { EndCall: "End call", PauseRec: "Pause rec", ResumeRec: "Resume rec", StopRec: "Stop rec" };

export async function mount(root, stay) {
  const view = new Calls(stay);
  refill(root, view.node);
  stay.listen((name, document) => name === "scenario.progressed" && view.scenarios.progressed(document.data ?? {}));
  stay.listen((name) => (name.startsWith("phone.") || name.startsWith("call.") || name.startsWith("recording.")) && view.changed());
  stay.onPlace = (place) => view.open(place.id);
  stay.onRenew(() => Promise.all([view.refresh(), view.scenarios.renew()]));
  await view.start();
}

class Calls {
  constructor(stay) {
    Object.assign(this, { stay, app: stay.app, api: stay.api, opened: stay.place.id, running: null });
    this.trouble = el("div", { className: "slot" });
    this.phones = el("div", { className: "handsets" });
    this.scenarios = new Scenarios(stay);
    this.callRows = el("tbody");
    this.callTable = table("Calls", ["Started", "From and to", "Recorded", "State"], []);
    this.callTable.className = "texts";
    this.callTable.replaceChild(this.callRows, this.callTable.tBodies[0]);
    this.noCalls = empty("No calls yet", "Place one, or play a scenario.");
    this.log = el("div", { className: "stack" });
    this.node = el(
      "div",
      { className: "stack" },
      head("Calls", "Telephones with softkeys and recording icon. Every call runs over real SIP and RTP, and is recorded as its user’s settings say."),
      this.trouble,
      el("div", { className: "columns" }, card("Place a call", {}, this.callForm()), this.scenarios.node),
      el("section", { "aria-label": "Telephones" }, this.phones),
      el("div", { className: "columns" }, card("Calls", { note: "running ones first", flush: true }, this.noCalls, scrolling("Calls", this.callTable)), this.log),
    );
  }

  async start() {
    this.scenarios.start();
    await this.refresh();
    this.stay.every(REFRESH_MS, () => this.refresh());
  }

  changed() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (!this.stay.over) this.refresh();
    }, CHANGED_MS);
  }

  async refresh() {
    try {
      const [phones, calls] = await Promise.all([this.api.all("/v1/phones", 200, this.stay.signal), this.api.page(`/v1/calls?max=${SHOWN_CALLS}`, this.stay.signal)]);
      refill(this.trouble);
      this.draw(phones, calls.items);
    } catch (refusal) {
      if (this.stay.over) return;
      const absent = refusal.status === 404;
      refill(this.trouble, absent ? el("div", { className: "card" }, empty("No call control here", "This gateway runs without the recording half.")) : failure(refusal, () => this.refresh()));
    }
  }

  draw(phones, calls) {
    this.known = phones;
    this.calls = new Map(calls.map((call) => [call.id, call]));
    const own = phones.filter(({ simulated }) => simulated);
    const named = (each) => `${each.name}${each.number ? ` · ${phone(each.number)}` : ""}`;
    setOptions(this.from, own.map((each) => [each.id, named(each)]));
    const to = own.map((each) => [each.number ?? each.personId ?? each.id, named(each)]);
    setOptions(this.to, to, this.to.value || to[1]?.[0]);
    if (!this.to.dataset.set && to.length > 1) {
      this.to.value = (to.find(([value]) => value.startsWith("+1310")) ?? to[1])[0];
      this.to.dataset.set = "true";
    }
    const order = { mpp: 0, app: 1, registered: 2, outside: 3 };
    const shown = [...phones].sort((a, b) => (b.calls.length > 0) - (a.calls.length > 0) || order[a.kind] - order[b.kind]);
    keyed(this.phones, shown, ({ id }) => id, (each) => this.makePhone(each), (node, each) => this.fillPhone(node, each));
    this.noCalls.hidden = calls.length > 0;
    this.callTable.hidden = calls.length === 0;
    keyed(this.callRows, calls, ({ id }) => id, (call) => this.makeCall(call), (row, call) => this.fillCall(row, call));
    const opened = calls.find(({ id }) => id === this.opened) ?? calls[0];
    if (opened) this.drawLog(opened);
  }

  open(id) {
    this.opened = id;
    return this.refresh();
  }

  // telephones

  makePhone({ id }) {
    const parts = { state: badge("", "", true), icon: el("span", { className: "rec" }), name: el("h3", {}), about: el("p", { className: "soft small" }), call: el("p", { className: "small strong", "aria-live": "polite" }), mode: el("p", { className: "soft small" }), keys: el("div", { className: "softkeys", role: "group" }) };
    const screen = el("div", { className: "screen" }, el("div", { className: "screen-top" }, parts.name, parts.icon), parts.about, parts.mode, el("div", { className: "row" }, parts.state, parts.call));
    const node = el("article", { className: "card handset", dataset: { phone: id } }, screen, parts.keys);
    node.parts = parts;
    return node;
  }

  fillPhone(node, shown) {
    const { parts } = node;
    node.setAttribute("aria-label", `Telephone of ${shown.name}`);
    setText(parts.name, shown.name);
    setText(parts.about, [phone(shown.number), { mpp: "desk phone", app: "Webex App", outside: "outside", registered: "registered from elsewhere" }[shown.kind]].filter(Boolean).join(" · "));
    setText(parts.mode, shown.kind === "outside" ? "" : (MODES[shown.recordingMode] ?? words(shown.recordingMode)));
    node.firstElementChild.dataset.lit = String(shown.calls.length > 0);
    setText(parts.icon, RECORD_ICONS[shown.icon]);
    parts.icon.dataset.icon = shown.icon;
    const state = shown.registered || shown.kind === "outside" ? shown.state : "not registered";
    setText(parts.state, words(state));
    parts.state.dataset.tone = { talking: "good", calling: "busy", ringing: "busy", held: "wait", idle: "" }[state] ?? "bad";
    const call = shown.calls.at(-1);
    setText(parts.call, call ? `${call.outgoing ? "to" : "from"} ${phone(call.other)}` : "");
    const keys = shown.calls.flatMap((each) => each.softkeys.map((key) => ({ key, callId: each.callId })));
    if (!keys.length && shown.simulated) keys.push({ key: DIAL, callId: "" });
    parts.keys.setAttribute("aria-label", `Softkeys of ${shown.name}`);
    keyed(
      parts.keys,
      keys,
      ({ key, callId }) => `${key} ${callId}`,
      ({ key, callId }) => key === DIAL ? button("Call from here", () => this.dial(shown.id), "quiet") : button(KEYS[key] ?? key, () => this.press(shown.id, key, callId), key === "EndCall" || key === "Decline" ? "danger" : "", { dataset: { key } }),
    );
  }

  dial(id) {
    this.from.value = id;
    this.to.focus();
  }

  async press(id, key, callId) {
    const body = { key, ...(callId ? { callId } : {}) };
    if (key === "Transfer") {
      const others = this.known.filter((each) => each.id !== id && each.simulated);
      return this.transfer(id, body, others);
    }
    await this.app.attempt(() => this.api.post(`/v1/phones/${encodeURIComponent(id)}/softkeys`, body));
    return this.refresh();
  }

  /** Asks beside the keys whom a transfer is for. */
  transfer(id, body, others) {
    const node = [...this.phones.children].find((each) => each.dataset.phone === id);
    node.querySelector(".transfer")?.remove();
    const list = select("to", others.map((each) => [each.number ?? each.id, each.name]), "", { "aria-label": "Transfer to" });
    const go = button("Transfer", async () => {
      box.remove();
      await this.app.attempt(() => this.api.post(`/v1/phones/${encodeURIComponent(id)}/softkeys`, { ...body, to: list.value }));
      this.refresh();
    }, "small");
    const box = el("div", { className: "composer transfer" }, list, go);
    node.append(box);
    list.focus();
  }

  // calls

  callForm() {
    this.from = select("from", []);
    this.to = select("to", []);
    return form(
      {
        label: "Place a call",
        submit: "Call",
        onSubmit: async (given) => {
          const seconds = given.get("seconds");
          const call = await this.api.post("/v1/calls", { from: given.get("from"), to: given.get("to"), ...(seconds ? { seconds: Number(seconds) } : {}) });
          this.opened = call.id;
          await this.refresh();
          return "It rings";
        },
      },
      el("div", { className: "pair" }, field("From", this.from), field("To", this.to)),
      field("Talk for, s", el("input", { name: "seconds", type: "number", min: 1, max: 3600, step: "any", placeholder: "until somebody hangs up" })),
    );
  }

  makeCall(call) {
    const open = el("a", { className: "open", href: `#/calls/${encodeURIComponent(call.id)}` }, momentNode(call.startedAt));
    return el(
      "tr",
      { dataset: { call: call.id } },
      el("td", { className: "when" }, open),
      el("td", { className: "nowrap ends" }, el("p", {}, phone(call.from)), el("p", { className: "soft" }, phone(call.to))),
      el("td", { className: "recorded" }),
      el("td", { className: "state" }, el("div", { className: "row" }, stateBadge(call.state), button("End", () => this.end(call), "small danger"))),
    );
  }

  async end({ id }) {
    await this.app.attempt(() => this.api.delete(`/v1/calls/${encodeURIComponent(id)}`));
    return this.refresh();
  }

  fillCall(row, call) {
    const [, , recorded, { firstElementChild: state }] = row.cells;
    row.setAttribute("aria-selected", String(call.id === this.opened));
    setText(recorded, call.recorded.map((each) => `${each.personId}: ${words(each.state)}`).join(", ") || (KEPT[call.log.findLast(({ what }) => what === "recording")?.detail] ?? "no"));
    setBadge(state.firstElementChild, call.state);
    state.firstElementChild.dataset.tone = { connected: "good", ringing: "busy" }[call.state] ?? "";
    state.lastElementChild.hidden = call.state === "ended";
  }

  drawLog(call) {
    const key = `${call.id} ${call.log.length} ${call.state}`;
    if (this.logged === key) return;
    this.logged = key;
    const began = Date.parse(call.startedAt);
    refill(
      this.log,
      card(
        "What happened in it",
        { note: `${phone(call.from)} → ${phone(call.to)}` },
        el(
          "ol",
          { className: "timeline" },
          call.log.map((line) =>
            el(
              "li",
              { dataset: { tone: line.what === "recording" ? "bad" : line.what === "ended" ? "" : "busy" } },
              el("div", { className: "moment" }, el("strong", { className: "strong" }, words(line.what)), el("span", { className: "soft small anywhere" }, [phone(line.who), this.detailOf(line, began)].filter(Boolean).join(" · ")), el("span", { className: "at" }, `+${duration((Date.parse(line.at) - began) / 1000)}`)),
            ),
          ),
        ),
      ),
    );
  }

  /** What a line of the log adds, its moments as time into the call (`began`: ms) and its numbers with units. */
  detailOf({ what, detail }, began) {
    if (what === "delayed") return `${detail} ms`;
    if (what === "moved") {
      const other = this.calls.get(detail);
      return other ? `into the call of ${timeOfDay(other.startedAt)}, ${phone(other.from)} → ${phone(other.to)}` : "into another call";
    }
    return detail.replace(/ (\d{16,})$/, (_, ns) => ` at +${duration((Number(ns) / 1e6 - began) / 1000)}`);
  }
}
