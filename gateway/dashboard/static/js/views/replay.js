// Captures played again: upload one, watch it run, read what differed.

import { withQuery } from "../api.js";
import { Spark } from "../charts.js";
import { el, icon, keyed, refill, setText } from "../dom.js";
import { bytes, carrierName, count, rate, words } from "../format.js";
import { badge, button, card, empty, facts, failure, field, head, loading, meter, scrolling, select, setMeter, submitting, table } from "../parts.js";
import { address } from "../router.js";

export const TITLE = "Replay";

const REFRESH_MS = 1000;
const IDLE_MS = 10_000;
const SHOWN = 100;
const FORMATS = [["html", "HTML"], ["json", "JSON"], ["junit", "JUnit"]];
const SERIES = { offered: "busy", delivered: "good", throttled: "bad", refused: "bad" };

export async function mount(root, stay) {
  const view = new Replays(stay);
  refill(root, view.node);
  stay.onPlace = (place) => view.open(place.id);
  stay.onRenew(async () => {
    await view.refresh();
    if (!view.jobs.some(({ id }) => id === view.opened)) view.open(view.opened);
  });
  await view.start();
}

class Replays {
  constructor(stay) {
    Object.assign(this, { stay, app: stay.app, api: stay.api, opened: "", reported: "", jobs: [] });
    this.rows = el("ul", { className: "choices" });
    this.list = el("div", {});
    this.detail = el("div", { className: "stack" });
    this.file = null;
    this.node = el(
      "div",
      { className: "stack" },
      head("Replay", "Play a capture of SMPP traffic again, as the ESME or as the carrier, and see message by message what differs."),
      el("div", { className: "split wide-detail" }, el("div", { className: "stack" }, this.upload(), card("Replays of this run", { flush: true }, this.list)), this.detail),
    );
  }

  async start() {
    this.app.carriers().then((names) => refill(this.carrier, names.map((name) => el("option", { value: name }, carrierName(name)))), () => {});
    await this.refresh();
    await this.open(this.stay.place.id);
    let idle = 0;
    this.stay.every(REFRESH_MS, async () => {
      const running = this.jobs.some(({ state }) => state === "running");
      idle = running ? 0 : idle + REFRESH_MS;
      if (running || idle >= IDLE_MS) {
        idle = 0;
        await this.refresh();
      }
    });
  }

  upload() {
    const input = el("input", { type: "file", "aria-label": "Capture: pcap, pcapng, JSONL, or a log; compressed or not" });
    const named = el("strong", { className: "anywhere" }, "Choose a capture, or drop it here");
    const size = el("span", { className: "soft small" }, "pcap, pcapng, JSONL, Kannel, SMPPSim and other logs; .gz too");
    const take = (file) => {
      this.file = file ?? null;
      setText(named, file ? file.name : "Choose a capture, or drop it here");
      setText(size, file ? bytes(file.size) : "");
    };
    input.addEventListener("change", () => take(input.files[0]));
    const drop = el("label", { className: "drop" }, icon("upload"), named, size, input);
    for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
      drop.addEventListener(event, (happened) => {
        happened.preventDefault();
        drop.dataset.over = String(over);
        if (event === "drop") take(happened.dataTransfer.files[0]);
      });
    }
    this.carrier = select("carrier", [["tmobile", "T-Mobile"]]);
    const result = el("p", { className: "result", role: "status" });
    const node = el(
      "form",
      {
        className: "form",
        "aria-label": "Replay a capture",
        on: {
          submit: (event) => {
            event.preventDefault();
            submitting(node, result, () => this.begin(new FormData(node)));
          },
        },
      },
      drop,
      el(
        "div",
        { className: "pair" },
        field("Play", select("role", [["", "the majority’s part"], ["esme", "the ESME"], ["carrier", "the carrier"]])),
        field("Against", this.carrier),
        field("Speed", el("input", { name: "speed", value: "max", autocomplete: "off", pattern: "max|[0-9.]+" })),
        field("May differ", el("input", { name: "tolerate", type: "number", min: 0, value: 0 })),
      ),
      el("label", { className: "check" }, el("input", { type: "checkbox", name: "registered", checked: true }), "Take every sender for a registered one"),
      el("div", { className: "row" }, el("button", { className: "button primary", type: "submit" }, "Replay"), result),
    );
    return card("Replay a capture", {}, node);
  }

  async begin(given) {
    if (!this.file) throw new Error("Choose a capture first.");
    const options = { role: given.get("role"), carrier: given.get("carrier"), speed: given.get("speed"), tolerate: given.get("tolerate"), registered: String(given.get("registered") === "on") };
    const response = await this.api.fetch("POST", withQuery("/v1/replays", options), { body: this.file, type: "application/octet-stream" });
    const job = await response.json();
    this.jobs = [...this.jobs, job]; // known before its address is gone to
    this.app.go("replay", job.id);
    await this.refresh();
    return "Running";
  }

  async refresh() {
    try {
      this.jobs = await this.api.all("/v1/replays", 100, this.stay.signal);
    } catch (refusal) {
      if (!this.stay.over) refill(this.list, el("div", { className: "card-body" }, failure(refusal)));
      return;
    }
    if (!this.jobs.length) refill(this.list, empty("No replay yet"));
    else {
      if (!this.rows.isConnected) refill(this.list, this.rows);
      keyed(this.rows, [...this.jobs].reverse(), ({ id }) => id, makeJob, (node, job) => fillJob(node, job, this.opened));
    }
    const job = this.jobs.find(({ id }) => id === this.opened);
    if (job && this.progress?.id === job.id) this.draw(job);
  }

  async open(id) {
    this.opened = id;
    this.reported = "";
    for (const [key, node] of this.rows.keyed ?? []) node.firstElementChild.setAttribute("aria-current", String(key === id));
    const job = this.jobs.find((each) => each.id === id);
    if (!job) return refill(this.detail, el("section", { className: "card" }, empty(id ? "No such replay" : "No replay chosen", "Upload a capture, or choose one of the list.")));
    this.progress = progressOf(job, () => this.app.attempt(() => this.api.post(`/v1/replays/${encodeURIComponent(id)}/stop`), "Stopped"));
    this.report = el("div", { className: "stack" });
    refill(this.detail, this.progress.node, this.report);
    this.draw(job);
    return undefined;
  }

  draw(job) {
    this.progress.show(job);
    if (job.state !== "finished" || this.reported === job.id) return;
    this.reported = job.id;
    const path = `/v1/replays/${encodeURIComponent(job.id)}/report`;
    loading(this.report, () => this.api.get(`${path}/json`, this.stay.signal), (report) => reportOf(report, (form) => this.save(path, form, job.id)), 6);
  }

  save(path, form, id) {
    return this.app.attempt(async () => {
      const file = await this.api.file(`${path}/${form}`);
      const link = el("a", { href: URL.createObjectURL(file), download: `replay-${id}.${form === "junit" ? "xml" : form}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }
}

const verdictOf = ({ state, ok }) => (state === "running" ? ["running", "busy"] : state === "failed" ? ["failed", "bad"] : ok ? ["as expected", "good"] : ["differs", "bad"]);

function makeJob(job) {
  return el(
    "li",
    {},
    el("a", { className: "choice", href: address("replay", job.id) }, el("span", { className: "strong" }), badge("", "busy", true), el("small", {}), el("small", {})),
  );
}

function fillJob(node, job, opened) {
  const link = node.firstElementChild;
  const [name, state, what, done] = link.children;
  const [text, shade] = verdictOf(job);
  setText(name, job.format || "capture");
  setText(state, text);
  state.dataset.tone = shade;
  setText(what, job.role ? `as ${job.role}` : "");
  setText(done, `${count(job.settled)} settled`);
  link.setAttribute("aria-current", String(job.id === opened));
}

function progressOf(job, stop) {
  const bar = meter(job.share, "progress");
  const state = badge("", "", true);
  const said = el("p", { className: "small soft", role: "status" });
  const trouble = el("div", { className: "slot" });
  const halt = button("Stop", stop, "small");
  return {
    id: job.id,
    node: card("Progress", { note: el("div", { className: "row" }, state, halt) }, bar, said, trouble),
    show: (now) => {
      const [text, shade] = verdictOf(now);
      setText(state, text);
      state.dataset.tone = shade;
      halt.hidden = now.state !== "running";
      setMeter(bar, now.share, `progress: ${Math.round(now.share * 100)} %`, "good");
      setText(said, `${Math.round(now.share * 100)} % read · ${count(now.sent)} sent · ${count(now.settled)} settled${now.role ? ` · as ${now.role}` : ""}${now.listening ? ` · listening at ${now.listening}` : ""}`);
      refill(trouble, now.error ? failure(new Error(now.error)) : null);
    },
  };
}

/** A report as cards. */
export function reportOf(report, save) {
  const figure = (name, value) => el("div", { className: "figure" }, el("p", { className: "value" }, value), el("p", { className: "name" }, name));
  const seconds = (value) => (value === null || value === undefined ? "–" : value < 1 ? `${rate(value * 1000)} ms` : `${rate(value)} s`);
  const refused = Object.entries(report.refused).map(([code, number]) => [`refused ${code}`, number]);
  const receipts = Object.entries(report.receipts).map(([word, number]) => [`receipt ${word}`, number]);
  const outcomes = [["accepted", report.accepted], ...refused, ["unanswered", report.unanswered], ...receipts].filter(([, number]) => number);
  const rows = report.differences.slice(0, SHOWN).map((each) =>
    el("tr", {}, el("td", { className: "number" }, String(each.message)), el("td", {}, words(each.what)), el("td", { className: "anywhere" }, each.expected), el("td", { className: "anywhere" }, each.actual)),
  );
  return [
    card(
      report.ok ? "As expected" : "Not as expected",
      { note: el("div", { className: "row" }, FORMATS.map(([form, name]) => button(name, () => save(form), "small", { "aria-label": `Save the report as ${name}` }))) },
      el("div", { className: "figures" }, figure("messages", count(report.messages)), figure("differ", count(report.different)), figure("may differ", count(report.tolerated)), figure("answer, p99", seconds(report.responseSeconds.p99)), figure("receipt, p99", seconds(report.receiptSeconds.p99))),
      timelineOf(report.timeline),
    ),
    card("Outcomes", {}, facts([["Compared with", { recorded: "what the capture recorded", golden: "a golden file", rules: "what the rules say" }[report.against] ?? report.against], ...outcomes.map(([name, number]) => [name, count(number)]), ["Unreadable", report.capture.unreadable ? `${count(report.capture.unreadable)} parts` : null], ["Stopped early", report.stopped ? "yes" : null]])),
    card("Differences", { note: report.differences.length > SHOWN ? `first ${SHOWN}` : "", flush: true }, rows.length ? scrolling("Differences", table("Differences", [["Message", "number"], "What", "Expected", "Got"], rows)) : empty("None", "Every message fared as recorded.")),
  ];
}

function timelineOf(timeline) {
  const series = Object.entries(timeline.series);
  if (!series.length) return null;
  return el(
    "div",
    { className: "charts" },
    series.map(([name, counts]) => {
      const spark = new Spark(name, SERIES[name] ?? "other");
      spark.draw(counts.map((number) => number / timeline.widthS));
      spark.node.setAttribute("aria-label", `${words(name)} over ${counts.length * timeline.widthS} seconds`);
      const most = Math.max(...counts, 0) / timeline.widthS;
      return el("div", { className: "chart-box" }, el("div", { className: "caption" }, el("span", {}, words(name)), el("span", { className: "strong" }, `up to ${rate(most)} /s`)), spark.node);
    }),
  );
}

