// Texts by kind since the page was opened: counted as the stream tells of them, and by the API where events were missed.

const COUNTED = {
  "message.accepted": "accepted",
  "message.delivered": "delivered",
  "message.failed": "failed",
  "message.received": "received",
  "message.refused": "refused",
};
export const KINDS = Object.values(COUNTED);
const MAX_CODES = 50;

/** What the page calls an event in its counts, undefined for one it does not count. */
export const kindOf = (name) => COUNTED[name];

/** The run of the gateway and the number in it that an event's id, "run-number", names. */
function placeOf(eventId = "") {
  const at = eventId.lastIndexOf("-");
  return { run: eventId.slice(0, at), number: Number(eventId.slice(at + 1)) };
}

const sumOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

export class Tally {
  /** `opened` is the id of the newest text there was when the page was opened; ids grow from text to text. */
  constructor(opened = "") {
    this.opened = opened;
    this.totals = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    this.older = { delivered: 0, failed: 0 }; // outcomes of texts from before that: the API counts newer ones alone
    this.refused = new Map(); // code → texts
    this.failed = new Map(); // code → texts
    this.base = null; // {run, refused}: what a run's own refusals have to be added to
    this.held = null; // refusals as they were counted when events were first missed
    this.counted = placeOf(); // up to where the API has counted
    this.told = null; // events that came while the API counts
    this.gaps = 0; // how often events were missed that are not yet counted
    this.version = 0; // grows with refusals
  }

  /** Takes one event of the stream, unless the API has counted it. */
  take(name, document) {
    this.told?.push([name, document]);
    if (!this.isCounted(document.id)) this.add(name, document.data ?? {});
  }

  isCounted(eventId) {
    const { run, number } = placeOf(eventId);
    return run !== "" && run === this.counted.run && number <= this.counted.number;
  }

  add(name, data) {
    for (const [lost, number] of Object.entries(name === "stream.lost" ? (data.events ?? {}) : {})) this.count(lost, number);
    this.count(name, 1);
    const kind = kindOf(name);
    if (kind in this.older && data.id && data.id <= this.opened) this.older[kind] += 1;
    if (kind === "refused" || (kind === "failed" && data.code)) this.byCode(this[kind], data.code);
  }

  count(name, number) {
    const kind = kindOf(name);
    if (kind) this.totals[kind] += number;
  }

  /** Counts a refusal or failure by its code; the table is bounded. */
  byCode(table, code) {
    const key = table.has(code) || table.size < MAX_CODES ? code : "other";
    table.set(key, (table.get(key) ?? 0) + 1);
    this.version += 1;
  }

  /** Refused and failed texts by code. */
  get refusals() {
    const found = new Map(this.refused);
    for (const [code, number] of this.failed) found.set(code, (found.get(code) ?? 0) + number);
    return found;
  }

  /** Events were missed: the counts are short of them until the next `recount`. */
  miss() {
    this.gaps += 1;
    this.held ??= Object.fromEntries(this.refused);
  }

  /** Counts anew by the API's count of the texts after `opened`, which `ask` fetches, and what is told meanwhile. */
  async recount(ask) {
    const told = (this.told = []);
    try {
      const answer = await ask();
      if (this.told === told) this.accept(answer, told); // else it was asked for again
    } finally {
      if (this.told === told) this.told = null;
    }
  }

  accept({ run, eventId, refusals, failures, ...stored }, told) {
    this.counted = placeOf(eventId);
    this.refused = this.refusedSince(run, refusals);
    this.failed = new Map(Object.entries(failures));
    for (const kind of KINDS) this.totals[kind] = stored[kind] + (this.older[kind] ?? 0);
    this.totals.refused = sumOf([...this.refused.values()]);
    this.held = null;
    this.gaps = 0;
    this.version += 1;
    for (const [name, document] of told) if (!this.isCounted(document.id)) this.add(name, document.data ?? {});
  }

  /** Refusals by code since the page was opened, from those a run of the gateway counts since its own start. */
  refusedSince(run, refusals) {
    const known = this.held ?? Object.fromEntries(this.refused);
    const codes = [...new Set([...Object.keys(known), ...Object.keys(refusals), ...Object.keys(this.base?.refused ?? {})])];
    const table = (countOf) => codes.map((code) => [code, countOf(code)]);
    if (!this.base) this.base = { run, refused: Object.fromEntries(table((code) => (known[code] ?? 0) - (refusals[code] ?? 0))) };
    else if (this.base.run !== run) this.base = { run, refused: known };
    const { refused } = this.base;
    return new Map(table((code) => (refused[code] ?? 0) + (refusals[code] ?? 0)).filter(([, number]) => number > 0));
  }
}
