// One text's whole story: what it said, what became of it, every PDU, what every rule made of it.

import { el } from "./dom.js";
import { carrierName, dateTime, duration, personName, phone, preciseTime, words } from "./format.js";
import { badge, facts, saidIn, scrolling, stateBadge, table } from "./parts.js";

const SHOWN_OPENLY = new Set(["refused", "shadowed"]);
const OUTCOMES = { passed: "good", refused: "bad", shadowed: "wait", notJudged: "", off: "" };
const ESM_TYPES = { 0x04: "delivery receipt", 0x08: "delivery acknowledgement", 0x20: "intermediate notification" };

/** The parts of a story as a list of elements; `people` and `rules` give names to ids and codes. */
export function storyOf(message, { people = [], rules = [] } = {}) {
  return [
    summary(message, people),
    el("p", { className: "bubble", dir: "auto" }, saidIn(message)),
    refusal(message, rules),
    section("On the way", timelineOf(message)),
    (message.timeline ?? []).some((entry) => entry.part) ? section(`Segments (${message.segments})`, segmentsOf(message)) : null,
    (message.verdicts ?? []).length ? verdictsOf(message.verdicts) : null,
    section("Facts", factsOf(message, people)),
  ];
}

const section = (title, ...body) => el("section", { className: "stack" }, el("h3", {}, title), body);

function summary(message, people) {
  const name = (number) => {
    const person = people.find((each) => each.number === number);
    return person ? `${personName(person)} ${phone(number)}` : phone(number);
  };
  return el(
    "div",
    { className: "story-head" },
    el("p", { className: "way" }, el("span", {}, name(message.from)), el("span", { className: "soft", "aria-label": "to" }, "→"), el("span", {}, name(message.to))),
    el("div", { className: "row" }, badge(message.direction), stateBadge(message.state)),
  );
}

function refusal(message, rules) {
  if (!message.code) return null;
  const rule = rules.find(({ code }) => code === message.code);
  const told = (message.verdicts ?? []).find(({ code, outcome }) => code === message.code && outcome === "refused");
  return el(
    "div",
    { className: "refusal" },
    el("p", {}, el("code", {}, message.code), message.blockedBy ? ` · blocked by ${message.blockedBy}` : ""),
    el("p", { className: "small" }, told?.description ?? rule?.description ?? endingOf(message.code)),
  );
}

const ENDINGS = {
  cancelled: "Taken back before it was released.",
  validity_expired: "Its validity passed before a carrier had all of it.",
  window_wait_timeout: "No place in a window of its carrier came free in time.",
  no_response: "The carrier never answered, after every attempt.",
  receipt_missing: "The carrier accepted it, but its receipt never came.",
};

/** What a code says that no rule stands behind, "" for one that says it by itself. */
export function endingOf(code) {
  if (code.startsWith("carrier_")) return `The carrier’s receipt says that it failed, with error ${code.slice("carrier_".length)}.`;
  if (code.startsWith("ESME_")) return "The carrier answered a submit_sm with this status.";
  return ENDINGS[code] ?? "";
}

const TONES = { accepted: "", submit_sm: "busy", submit_sm_resp: "busy", deliver_sm: "other", received: "other", delivered: "good" };

/** The moments of a text, each with how long after the one before it came. */
export function timelineOf(message) {
  let before = null;
  const moments = (message.timeline ?? []).map((entry) => {
    const at = Date.parse(entry.at);
    const after = before === null ? "" : `+${gap(at - before)}`;
    before = at;
    return moment(entry, after);
  });
  return el("ol", { className: "timeline" }, moments);
}

/** Milliseconds between two moments as written beside them. */
export const gap = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : duration(ms / 1000));

function moment(entry, after) {
  const failed = entry.status && entry.status !== "ESME_ROK";
  const putOff = entry.settled === false;
  const shade = putOff ? "wait" : failed ? "bad" : (TONES[entry.event] ?? "bad");
  const what = [
    entry.part ? `part ${entry.part}` : "",
    entry.sequenceNumber ? `sequence ${entry.sequenceNumber}` : "",
    entry.status ?? "",
    entry.messageId ? `id\u00a0${entry.messageId}` : "",
    entry.receipt ? `${entry.receipt}${entry.error ? `\u00a0err\u00a0${entry.error}` : ""}` : "",
    entry.code ?? "",
    putOff ? [entry.link ? `over ${entry.link}` : "", "settled nothing, may go again"].filter(Boolean).join(", ") : "",
  ].filter(Boolean);
  return el(
    "li",
    { dataset: { tone: shade } },
    el(
      "div",
      { className: "moment exact" },
      el("strong", { className: "strong" }, words(entry.event).replaceAll(" sm", "_sm").replaceAll("sm resp", "sm_resp")),
      el("span", { className: "soft small" }, entry.carrier ? carrierName(entry.carrier) : ""),
      el("span", { className: "at", title: entry.at }, [preciseTime(entry.at), after].filter(Boolean).join("  ")),
    ),
    what.length ? el("p", { className: "soft small anywhere" }, what.join(" · ")) : null,
    entry.pdu ? pduOf(entry) : null,
    entry.text ? receiptOf(entry) : null,
  );
}

/** A PDU with every field by the name the specification gives it. */
export function pduOf(entry) {
  const { pdu } = entry;
  const fields = Object.entries(pdu.fields ?? {}).map(([name, value]) => [name, described(name, value)]);
  const tlvs = Object.entries(pdu.tlvs ?? {});
  return el(
    "details",
    { className: "pdu", dataset: { name: `${entry.event} ${entry.part}` } },
    el("summary", {}, "Decoded PDU"),
    el(
      "div",
      { className: "pdu-body" },
      facts([["command", pdu.command], ["command_status", pdu.status], ["sequence_number", pdu.sequenceNumber], ...fields, ...tlvs]),
      pdu.text === undefined ? null : el("p", { className: "bubble" }, pdu.text),
      pdu.octets ? el("pre", { className: "hex" }, grouped(pdu.octets)) : null,
    ),
  );
}

function receiptOf(entry) {
  return el(
    "details",
    { className: "pdu", dataset: { name: `receipt ${entry.part}` } },
    el("summary", {}, "Receipt as it came"),
    el("div", { className: "pdu-body" }, el("pre", {}, entry.text), facts(receiptFields(entry.text))),
  );
}

/** The fields of a receipt's text (SMPP 3.4 appendix B) in their order. */
export function receiptFields(text) {
  const names = ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err"];
  return names.flatMap((name) => {
    const found = new RegExp(`(?:^|\\s)${name}:(\\S*)`, "i").exec(text);
    return found ? [[name, found[1]]] : [];
  });
}

/** A field's value, with what its bits say where that is worth words. */
export function described(name, value) {
  if (name === "esm_class" && value) {
    const said = [ESM_TYPES[value & 0x3c], value & 0x40 ? "UDHI" : ""].filter(Boolean).join(", ");
    return `0x${value.toString(16).padStart(2, "0")}${said ? ` (${said})` : ""}`;
  }
  if (name === "data_coding") return `${value} (${{ 0: "default alphabet", 3: "Latin-1", 8: "UCS-2" }[value] ?? "other"})`;
  if (name === "registered_delivery") return `${value}${value & 1 ? " (receipt wanted)" : ""}`;
  if (name === "short_message") return value ? `${value.length / 2} octets` : "empty";
  if (value === "") return "empty";
  return String(value);
}

/** Octets in hexadecimal, twelve to a line. */
export function grouped(hex) {
  const lines = hex.match(/.{1,24}/g) ?? [];
  return lines.map((line, n) => `${(n * 12).toString(16).padStart(4, "0")}  ${(line.match(/../g) ?? []).join(" ")}`).join("\n");
}

function segmentsOf(message) {
  const parts = new Map();
  for (const entry of message.timeline) {
    if (!entry.part) continue;
    const part = parts.get(entry.part) ?? {};
    if (entry.event === "submit_sm_resp") Object.assign(part, { status: entry.status, messageId: entry.messageId });
    if (entry.event === "deliver_sm") Object.assign(part, { receipt: entry.receipt, error: entry.error });
    parts.set(entry.part, part);
  }
  const rows = [...parts].map(([number, part]) =>
    el(
      "tr",
      {},
      el("td", {}, String(number)),
      el("td", {}, part.status ?? "waiting"),
      el("td", { className: "mono anywhere" }, part.messageId ?? ""),
      el("td", {}, part.receipt ? `${part.receipt} ${part.error ?? ""}` : ""),
    ),
  );
  return scrolling("Segments", table("Segments", ["Part", "Answer", "Message id", "Receipt"], rows));
}

function verdictsOf(verdicts) {
  const counts = new Map();
  for (const { outcome } of verdicts) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const told = [...counts].map(([outcome, number]) => `${number} ${words(outcome)}`).join(", ");
  const open = verdicts.filter(({ outcome }) => SHOWN_OPENLY.has(outcome));
  return section(
    "What the rules said",
    open.length ? el("ul", { className: "verdicts" }, open.map(verdict)) : null,
    el("details", { className: "pdu", dataset: { name: "verdicts" } }, el("summary", {}, `All ${verdicts.length}: ${told}`), el("ul", { className: "verdicts" }, verdicts.map(verdict))),
  );
}

function verdict({ code, outcome, facts: stated, description }) {
  return el(
    "li",
    {},
    el("span", {}, badge(words(outcome), OUTCOMES[outcome] ?? "")),
    el("span", {}, el("code", {}, code ?? "rule"), el("span", { className: "soft" }, ` ${description}`)),
    el("span", { className: "soft" }, (stated ?? []).join(" ")),
  );
}

function factsOf(message, people) {
  const person = people.find(({ id }) => id === message.personId);
  const app = message.client ? [message.client.kind, message.client.version].filter(Boolean).join(" ") : "";
  return facts([
    ["Carrier", carrierName(message.carrier)],
    ["Encoding", `${message.encoding}, ${message.segments === 1 ? "1 segment" : `${message.segments} segments`}`],
    ["Person", person ? personName(person) : message.personId],
    ["Webex App", app],
    ["Organisation", message.organizationId],
    ["Created", dateTime(message.created)],
    ["Release", message.releaseAt === message.created ? "at once" : dateTime(message.releaseAt)],
    ["Updated", dateTime(message.updated)],
    ["Id", el("code", {}, message.id)],
  ]);
}
