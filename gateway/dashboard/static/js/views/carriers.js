// The carriers: how they behave, what goes wrong with them, what they let through, texts their handsets write.

import { el, keyed, refill, setText } from "../dom.js";
import { carrierName, count, dateTime, sentenceCase, words } from "../format.js";
import { badge, button, card, empty, facts, field, form, head, loading, meter, scrolling, select, setMeter, table } from "../parts.js";
import { address } from "../router.js";
import { bindState } from "./live.js";

export const TITLE = "Carriers";

const REFRESH_MS = 2000;
const MAX_FAULTS = 12;
const STRIKES = { bind: "at the bind", submit: "at the submit", receipt: "at the receipt" };
const HANDSETS = {
  tmobile: "+13105550124", att: "+12125550124", verizon: "+14155550124", uscellular: "+13125550124",
  bell: "+15145550124", rogers: "+16475550124", telus: "+16045550124",
};

export async function mount(root, stay) {
  const list = el("nav", { className: "choices", "aria-label": "Carriers" });
  const detail = el("div", { className: "stack" });
  refill(
    root,
    head("Carriers", "Mock networks with a truth of their own. What is switched here is felt at once by binds that are up."),
    el("div", { className: "split wide-detail" }, el("section", { className: "card" }, list), detail),
  );
  let shown = null;
  const refresh = async () => {
    const [carriers, links] = await Promise.all([
      stay.api.all("/v1/carriers", 100, stay.signal).catch((refusal) => (refusal.status === 404 ? [] : Promise.reject(refusal))),
      stay.api.all("/v1/links", 100, stay.signal).catch(() => []),
    ]);
    const byName = new Map(links.map((link) => [link.carrier, link]));
    keyed(list, carriers, ({ name }) => name, makeChoice, (node, carrier) => fillChoice(node, carrier, byName.get(carrier.name), stay.place.id));
    shown?.update(carriers.find(({ name }) => name === shown.name), byName.get(shown.name));
    return carriers;
  };
  const open = async (place) => {
    stay.place = place;
    shown = null;
    for (const [name, node] of list.keyed ?? []) node.setAttribute("aria-current", String(name === place.id));
    await loading(detail, () => Detail.load(stay, place.id), (made) => {
      shown = made;
      return made.node;
    });
    await refresh();
  };
  stay.onPlace = open;
  stay.onRenew(() => (detail.contains(document.activeElement) ? refresh() : open(stay.place)));
  const carriers = await refresh();
  if (!carriers.length) return void refill(detail, empty("No mock carriers here", "This gateway runs without them: its binds are on the Live view."));
  if (!stay.place.id) {
    stay.app.note("carriers", carriers[0].name);
    await open({ ...stay.place, id: carriers[0].name });
  } else await open(stay.place);
  stay.every(REFRESH_MS, () => refresh().catch(() => {}));
  return undefined;
}

function makeChoice({ name }) {
  return el(
    "a",
    { className: "choice", href: address("carriers", name) },
    el("span", { className: "strong" }, carrierName(name)),
    badge("", "good", true),
    el("small", {}),
    el("small", {}),
  );
}

function fillChoice(node, carrier, link, chosen) {
  const [, state, behaviour, binds] = node.children;
  const { text, tone } = link ? bindState(link) : { text: `${carrier.binds.length} binds`, tone: carrier.binds.length ? "good" : "bad" };
  setText(state, text);
  state.dataset.tone = tone;
  const faults = carrier.faults.length;
  setText(behaviour, [carrier.country, carrier.profile, faults ? `${faults} ${faults > 1 ? "faults" : "fault"}` : ""].filter(Boolean).join(" · "));
  setText(binds, `port ${carrier.port}`);
  node.setAttribute("aria-current", String(carrier.name === chosen));
}

/** One carrier. */
class Detail {
  static async load(stay, name) {
    const [carrier, catalogue] = await Promise.all([
      stay.api.get(`/v1/carriers/${encodeURIComponent(name)}`, stay.signal),
      stay.api.get("/v1/carrierFaults", stay.signal),
    ]);
    return new Detail(stay, carrier, catalogue);
  }

  constructor(stay, carrier, catalogue) {
    Object.assign(this, { stay, name: carrier.name, catalogue, faults: [...carrier.faults] });
    this.kinds = new Map(catalogue.faults.map((fault) => [fault.kind, fault]));
    this.stateBody = el("div", { className: "stack" });
    this.decisions = el("ul", { className: "bars" });
    this.nothing = empty("No text yet", "Outcomes are counted from the start.");
    this.faultRows = el("div", { className: "stack" });
    this.profiles = this.profilesOf(carrier.profile);
    this.caps = el("div", {}, capsOf(carrier));
    this.node = el(
      "div",
      { className: "stack" },
      el("div", { className: "row spread" }, el("h2", {}, carrierName(carrier.name)), el("p", { className: "soft small mono" }, `${carrier.host}:${carrier.port}`)),
      card("Behaviour", { note: "one at a time" }, this.profiles),
      card("Faults", { note: "besides what the behaviour brings" }, this.faultForm()),
      el("div", { className: "columns" }, card("A handset writes", {}, this.injectForm()), card("Caps and windows", { note: "the carrier’s own truth" }, this.caps)),
      card("Settings", { note: "in the words of its file; for what is accepted from now on" }, this.settingsForm(carrier)),
      el("div", { className: "columns" }, card("Binds and queues", {}, this.stateBody), card("What became of texts", { note: "since the start" }, this.nothing, this.decisions)),
    );
    this.drawFaults();
    this.update(carrier);
  }

  profilesOf(chosen) {
    return el(
      "div",
      { className: "profiles", role: "radiogroup", "aria-label": "Behaviour" },
      this.catalogue.profiles.map(({ name, description }) =>
        el(
          "label",
          { className: "profile" },
          el("input", { type: "radio", name: "profile", value: name, checked: name === chosen, on: { change: () => this.switchTo(name) } }),
          el("span", { className: "strong" }, sentenceCase(name)),
          el("small", {}, sentenceCase(description)),
        ),
      ),
    );
  }

  path() {
    return `/v1/carriers/${encodeURIComponent(this.name)}`;
  }

  async switchTo(profile) {
    const done = await this.stay.app.attempt(() => this.stay.api.patch(this.path(), { profile }), `${carrierName(this.name)} is ${profile} now`);
    if (done) this.update(done);
    else this.update(await this.stay.api.get(this.path()).catch(() => null));
  }

  // faults

  faultForm() {
    const add = button("Add a fault", () => {
      if (this.faults.length < MAX_FAULTS) this.faults = [...this.readFaults(), { kind: "status" }];
      this.drawFaults();
    });
    const node = form({ label: "Faults", submit: "Apply", onSubmit: () => this.apply() }, this.faultRows);
    node.querySelector("[type=submit]").after(add);
    return node;
  }

  drawFaults() {
    const rows = this.faults.map((fault, n) => this.faultRow(fault, n));
    refill(this.faultRows, rows.length ? rows : el("p", { className: "soft small" }, "None: texts meet nothing but the behaviour."));
  }

  faultRow(fault, index) {
    const options = this.catalogue.faults.map(({ kind }) => [kind, words(kind)]);
    const kind = select("kind", options, fault.kind);
    const hint = el("p", { className: "hint" });
    const extra = el("div", {});
    const number = (name, value, properties) => el("input", { type: "number", name, value: value ?? "", ...properties });
    const draw = () => {
      const { stage, description } = this.kinds.get(kind.value);
      setText(hint, `${sentenceCase(description.replaceAll("`", ""))}; strikes ${STRIKES[stage] ?? stage}.`);
      const late = kind.value === "late_response";
      const status = kind.value === "status" || kind.value === "bind_refused";
      refill(
        extra,
        late ? field("Delay, s", number("delay_s", fault.delay_s ?? 5, { min: 0, max: 3600, step: "any" })) : null,
        status ? field("Status", number("status", fault.status ?? 88, { min: 1, step: 1 })) : null,
      );
    };
    kind.addEventListener("change", draw);
    draw();
    return el(
      "div",
      { className: "fault", role: "group", "aria-label": `Fault ${index + 1}` },
      field("Fault", kind),
      field("How often", number("rate", fault.rate ?? 1, { min: 0, max: 1, step: "any" })),
      field("Spares first", number("after", fault.after ?? 0, { min: 0, step: 1 })),
      extra,
      button("Remove", () => {
        this.faults = this.readFaults().filter((_, n) => n !== index);
        this.drawFaults();
      }, "quiet small"),
      hint,
    );
  }

  readFaults() {
    return [...this.faultRows.querySelectorAll(".fault")].map((row) => {
      const fault = { kind: row.querySelector("[name=kind]").value };
      for (const name of ["rate", "after", "delay_s", "status"]) {
        const input = row.querySelector(`[name=${name}]`);
        if (input && input.value !== "") fault[name] = Number(input.value);
      }
      return fault;
    });
  }

  async apply() {
    const carrier = await this.stay.api.patch(this.path(), { faults: this.readFaults() });
    this.faults = [...carrier.faults];
    this.drawFaults();
    this.update(carrier);
    return carrier.faults.length ? `${carrier.faults.length} in force` : "No faults now";
  }

  // settings

  settingsForm(carrier) {
    this.settings = carrier.settings;
    const names = Object.keys(carrier.settings).sort();
    this.setting = select("setting", names.map((name) => [name, words(name)]), "receipts", { on: { change: () => this.drawSetting() } });
    this.value = el("textarea", { name: "value", className: "mono", rows: 6, spellcheck: false, autocomplete: "off" });
    const node = form(
      { label: "Settings", submit: "Switch", onSubmit: () => this.switchSetting() },
      el("div", { className: "pair" }, field("Setting", this.setting)),
      field("Value", this.value, "JSON. Keys that are left out stay as they are; null means none."),
    );
    const reset = button("All as in the file", async () => {
      const done = await this.stay.app.attempt(() => this.stay.api.patch(this.path(), { settings: null }), `${carrierName(this.name)} is as its file says`);
      if (done) this.takeSettings(done);
    }, "quiet");
    node.querySelector("[type=submit]").after(reset);
    this.drawSetting();
    return node;
  }

  drawSetting() {
    this.value.value = JSON.stringify(this.settings[this.setting.value], null, 2);
    this.value.rows = Math.min(20, this.value.value.split("\n").length + 1);
  }

  async switchSetting() {
    const name = this.setting.value;
    let value;
    try {
      value = JSON.parse(this.value.value);
    } catch {
      throw new Error("This is not JSON.");
    }
    this.takeSettings(await this.stay.api.patch(this.path(), { settings: { [name]: value } }));
    return `${sentenceCase(words(name))} switched`;
  }

  takeSettings(carrier) {
    this.settings = carrier.settings;
    this.drawSetting();
    refill(this.caps, capsOf(carrier));
    this.update(carrier);
  }

  // inbound

  injectForm() {
    const to = el("input", { name: "to", inputMode: "tel", required: true, autocomplete: "off", value: "+12025550100" });
    this.stay.app.people().then((people) => (to.value = people.find(({ number }) => number)?.number ?? to.value), () => {});
    return form(
      {
        label: "A handset writes",
        submit: "Put it on the carrier",
        onSubmit: async (given) => {
          const { segments } = await this.stay.api.inject(this.name, given.get("from").trim(), given.get("to").trim(), given.get("text"));
          return segments === 1 ? "On its way in 1 segment" : `On its way in ${segments} segments`;
        },
      },
      el(
        "div",
        { className: "pair" },
        field("From", el("input", { name: "from", inputMode: "tel", required: true, autocomplete: "off", value: HANDSETS[this.name] ?? "+13105550124" })),
        field("To", to),
      ),
      field("Text", el("textarea", { name: "text", required: true, rows: 2, value: "Thank you, see you then." })),
    );
  }

  // what moves

  update(carrier, link = null) {
    if (!carrier) return;
    for (const input of this.profiles.querySelectorAll("input")) input.checked = input.value === carrier.profile;
    this.drawState(carrier, link);
    const decided = Object.entries(carrier.decisions).sort((a, b) => b[1] - a[1]);
    const all = decided.reduce((total, [, number]) => total + number, 0);
    this.nothing.hidden = all > 0;
    keyed(
      this.decisions,
      decided,
      ([outcome]) => outcome,
      ([outcome]) => el("li", { className: "bar" }, el("span", {}, words(outcome)), el("span", { className: "strong" }), meter(0, outcome)),
      (node, [outcome, number]) => {
        setText(node.children[1], count(number));
        setMeter(node.children[2], number / all, `${words(outcome)}: ${number} of ${all}`, "good");
      },
    );
  }

  drawState(carrier, link) {
    const rows = carrier.binds.map((bind) =>
      el("tr", {}, el("td", {}, bind.systemId), el("td", {}, bind.type), el("td", { className: "nowrap" }, dateTime(bind.boundSince)), el("td", { className: "number" }, count(bind.windowUsed)), el("td", { className: "number" }, count(bind.submits))),
    );
    const key = JSON.stringify([carrier.binds, carrier.waiting, carrier.delivered, carrier.dropped, link]);
    if (key === this.drawn) return; // a table that is drawn anew loses its place
    this.drawn = key;
    refill(
      this.stateBody,
      facts([
        ["Gateway’s binds", link ? link.binds.map((bind) => `${bind.name} ${bind.state}`).join(", ") : null],
        ["Gateway’s queue", link ? `${count(link.queued)} waiting` : null],
        ["Carrier’s queue", `${count(carrier.waiting)} receipts and texts`],
        ["Handed over", count(carrier.delivered)],
        ["Dropped", count(carrier.dropped)],
      ]),
      rows.length
        ? scrolling("Binds at the carrier", table("Binds at the carrier", ["Account", "Type", "Since", ["Window", "number"], ["Submits", "number"]], rows))
        : empty("Nobody is bound"),
    );
  }
}

/** What a carrier enforces, in words. */
export function capsOf({ registrationRequired, caps = {} }) {
  const pairs = [["Registration", registrationRequired ? "required of US long codes" : "not required"]];
  const day = caps.brand_day;
  if (day) {
    const tiers = (day.tiers ?? []).map(({ score, segments }) => `${count(segments)} from score ${score}`);
    pairs.push(["Brand and day", [...tiers, day.unvetted ? `${count(day.unvetted)} not vetted` : ""].filter(Boolean).join(", ")]);
    pairs.push(["Day ends at", `midnight ${day.zone ?? "America/Los_Angeles"}`]);
  }
  const minute = caps.campaign_minute;
  if (minute) {
    const classes = Object.entries(minute.classes ?? {}).map(([name, segments]) => `${name} ${count(segments)}`);
    pairs.push(["Campaign and minute", `by class: ${classes.join(", ")}`]);
    if (minute.per_number?.length) pairs.push(["Counted per number", `class ${minute.per_number.join(", ")}`]);
  }
  const number = caps.number;
  if (number) pairs.push(["Number", [number.per_minute ? `${count(number.per_minute)} a minute` : "", number.per_day ? `${count(number.per_day)} a day` : ""].filter(Boolean).join(", ")]);
  if (caps.segments_per_text) pairs.push(["Longest text", `${caps.segments_per_text} segments`]);
  if (caps.throughput) pairs.push(["Throughput", `${caps.throughput} segments a second and account`]);
  if (pairs.length === 1) pairs.push(["Caps", "none"]);
  return facts(pairs);
}
