// The library of scenarios: recorded calls that play by a script in a world of their own, and what must be true of them.

import { el, keyed, refill, setText } from "./dom.js";
import { duration, RECORD_ICONS, words } from "./format.js";
import { badge, button, card, empty, failure, field, form, meter, select, setMeter } from "./parts.js";

const FOLLOW_MS = 1000;
const VERDICTS = { running: "busy", passed: "good", failed: "bad", cancelled: "wait" };

export class Scenarios {
  constructor(stay) {
    Object.assign(this, { stay, api: stay.api, library: [], run: null });
    this.list = select("scenario", []);
    this.about = el("p", { className: "hint" });
    this.list.addEventListener("change", () => this.describe());
    this.trouble = el("div", { className: "slot" });
    this.play = form({ label: "Play a scenario", submit: "Play", onSubmit: () => this.begin() }, field("Scenario", this.list), this.about);
    this.stage = el("div", { className: "slot stack" });
    this.node = card("Play a scenario", { note: "in a world of its own" }, this.trouble, this.play, this.stage);
  }

  async start() {
    await this.fetch();
    this.stay.every(FOLLOW_MS, () => this.follow());
  }

  /** After a break: the library if it was not there, and how the run is. */
  async renew() {
    if (!this.library.length) await this.fetch();
    await this.follow();
  }

  async fetch() {
    try {
      this.library = await this.api.all("/v1/scenarios", 200, this.stay.signal);
      this.play.hidden = false;
      refill(this.trouble);
      refill(this.list, this.library.map(({ name, title }) => el("option", { value: name }, title)));
      this.describe();
      const [last] = (await this.api.page("/v1/scenarioRuns?max=1", this.stay.signal).catch(() => ({ items: [] }))).items;
      if (last) this.show(last);
    } catch (refusal) {
      if (this.stay.over) return;
      this.play.hidden = true;
      refill(this.trouble, refusal.status === 404 ? empty("No scenarios here") : failure(refusal));
    }
  }

  describe() {
    const scenario = this.library.find(({ name }) => name === this.list.value);
    if (!scenario) return;
    const parties = scenario.parties.map(({ name, phone, recordingMode }) => `${name} (${phone}, ${words(recordingMode)})`).join(", ");
    setText(this.about, `${parties}. ${scenario.script.length} steps, about ${duration(scenario.seconds)}${scenario.facts.length ? `; facts ${scenario.facts.join(" ")}` : ""}.`);
  }

  async begin() {
    this.show(await this.api.post("/v1/scenarioRuns", { scenario: this.list.value }));
    return "Playing";
  }

  progressed({ runId, id }) {
    if (this.run?.state === "running" && (!runId || runId === this.run.id || id === this.run.id)) this.follow();
  }

  async follow() {
    if (this.run?.state !== "running" || this.asking) return;
    this.asking = true;
    try {
      this.show(await this.api.get(`/v1/scenarioRuns/${encodeURIComponent(this.run.id)}`, this.stay.signal));
    } catch (refusal) {
      if (refusal.status === 404) this.gone(); // else the next turn asks again
    } finally {
      this.asking = false;
    }
  }

  /** The gateway knows the run no more: it ended with the one that played it. */
  gone() {
    this.run = null;
    refill(this.stage, el("p", { className: "notice" }, "The run ended with the gateway that played it."));
  }

  show(run) {
    if (this.run?.id !== run.id) this.build(run);
    this.run = run;
    const { bar, verdict, stop, phones, result } = this.parts;
    const share = run.steps.length ? run.step / run.steps.length : 1;
    setMeter(bar, share, `${run.step} of ${run.steps.length} steps`, "good");
    setText(verdict, run.state);
    verdict.dataset.tone = VERDICTS[run.state];
    stop.hidden = run.state !== "running";
    [...this.parts.steps.children].forEach((step, n) => {
      step.dataset.tone = n < run.step ? "good" : n === run.step && run.state === "running" ? "busy" : "";
    });
    keyed(phones, run.phones, ({ name }) => name, makePhone, fillPhone);
    if (run.state !== "running" && !result.firstChild) refill(result, resultOf(run));
  }

  build(run) {
    const cancel = () => this.stay.app.attempt(() => this.api.delete(`/v1/scenarioRuns/${encodeURIComponent(run.id)}`)).then(() => this.follow());
    this.parts = {
      bar: meter(0, "steps"),
      verdict: badge("", "busy", true),
      stop: button("Stop", cancel, "small"),
      phones: el("ul", { className: "chips", "aria-label": "Phones of the scenario" }),
      steps: el("ol", { className: "timeline" }, run.steps.map((step) => el("li", {}, el("span", {}, step)))),
      result: el("div", { className: "slot stack" }),
    };
    const { bar, verdict, stop, phones, steps, result } = this.parts;
    refill(
      this.stage,
      el("hr", { className: "divider" }),
      el("div", { className: "row spread" }, el("h3", {}, run.title), el("div", { className: "row" }, verdict, stop)),
      bar,
      phones,
      result,
      el("details", { className: "pdu", open: run.state === "running" }, el("summary", {}, `Script, ${run.steps.length} steps`), steps),
    );
  }
}

function makePhone({ name }) {
  return el("li", { className: "chip" }, el("span", { className: "strong" }, name), el("span", { className: "rec" }), el("span", { className: "soft" }));
}

function fillPhone(node, phone) {
  const [, icon, state] = node.children;
  setText(icon, RECORD_ICONS[phone.icon]);
  icon.dataset.icon = phone.icon;
  setText(state, [phone.state, ...phone.softkeys].join(" · "));
}

function resultOf(run) {
  const failed = run.checks.filter(({ ok }) => !ok);
  const said = run.checks.length ? `${run.checks.length - failed.length} of ${run.checks.length} expectations met` : "nothing was checked";
  return [
    run.error ? failure(new Error(run.error)) : null,
    el("p", { className: "small strong" }, said),
    el(
      "ul",
      { className: "verdicts" },
      [...failed, ...run.checks.filter(({ ok }) => ok)].map(({ what, ok, found }) =>
        el("li", {}, el("span", {}, badge(ok ? "met" : "not met", ok ? "good" : "bad")), el("span", { className: "anywhere" }, what), el("span", { className: "soft anywhere" }, ok ? "" : found)),
      ),
    ),
  ];
}
