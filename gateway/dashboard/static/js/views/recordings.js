// What was recorded, by provider and tenant: how it sounds, what happened on its way, how long it stays.

import { withQuery } from "../api.js";
import { el, put, refill } from "../dom.js";
import { bytes, dateTime, duration, personName, phone, playTime, timeOfDay, words } from "../format.js";
import { marksOf, pausesAreCut, Player } from "../player.js";
import { badge, button, card, empty, facts, field, focusTitle, head, loading, onEscape, scrolling, select, sentence, setOptions, stateBadge, table, unseen } from "../parts.js";
import { address } from "../router.js";

export const TITLE = "Recordings";

const PAGE = 100;
const POINTS = 600;
const FILTERS = ["provider", "personId", "state", "externalGroup"];

export async function mount(root, stay) {
  const view = new Recordings(stay);
  refill(root, view.node);
  stay.onPlace = (place) => view.goTo(place);
  stay.onRenew(() => view.changed());
  stay.onEnd(() => view.player?.end());
  stay.listen((name) => name.startsWith("recording.") && view.changed());
  const redraw = () => view.player?.draw();
  stay.app.themeListeners.add(redraw);
  stay.onEnd(() => stay.app.themeListeners.delete(redraw));
  await view.start();
}

class Recordings {
  constructor(stay) {
    Object.assign(this, { stay, app: stay.app, api: stay.api, player: null, opened: "", people: [], providers: [] });
    this.query = Object.fromEntries(FILTERS.map((name) => [name, stay.place.query[name] ?? ""]));
    const choice = (name, label) => {
      const node = select(name, [["", "Any"]]);
      node.addEventListener("change", () => this.change());
      return field(label, node);
    };
    const tenant = el("input", { name: "externalGroup", type: "search", value: this.query.externalGroup, placeholder: "any group", autocomplete: "off", on: { change: () => this.change() } });
    this.filters = el("form", { className: "card card-body filters", role: "search", "aria-label": "Filter recordings", on: { submit: (event) => event.preventDefault() } }, choice("provider", "Provider"), choice("personId", "Person"), choice("state", "State"), field("Tenant", tenant));
    this.list = el("div", {});
    this.detail = el("div", { className: "stack" });
    onEscape(this.detail, () => this.app.go("recordings", "", this.query));
    this.body = el("div", {}, card("Recordings", { note: "newest first in each tenant", flush: true }, this.list), this.detail);
    this.node = el("div", { className: "stack" }, head("Recordings", "Filed by provider and tenant. Who may hear what is the provider’s rule."), this.filters, this.body);
  }

  async start() {
    const [providers, people] = await Promise.all([this.app.list("/v1/providers").catch(() => []), this.app.people().catch(() => [])]);
    Object.assign(this, { providers, people });
    const set = (name, options) => setOptions(this.filters.elements[name], [["", "Any"], ...options], this.query[name]);
    set("provider", providers.map(({ name, title }) => [name, title]));
    set("personId", people.map((person) => [person.id, personName(person)]));
    set("state", [["recording", "recording"], ["sealed", "sealed"], ["failed", "failed"]]);
    await Promise.all([this.load(), this.open(this.stay.place.id)]);
  }

  change() {
    const given = new FormData(this.filters);
    this.query = Object.fromEntries(FILTERS.map((name) => [name, (given.get(name) ?? "").trim()]));
    this.app.note("recordings", this.opened, this.query);
    this.load();
  }

  /** Another address of this view: other filters, another recording, or none. */
  goTo({ id, query }) {
    const asked = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
    if (FILTERS.some((name) => asked[name] !== this.query[name])) {
      this.query = asked;
      for (const name of FILTERS) this.filters.elements[name].value = asked[name];
      this.load();
    }
    const before = this.opened;
    this.open(id).then(() => {
      if (this.opened !== id || this.stay.over) return;
      if (id) focusTitle(this.detail);
      else this.list.querySelector(`tr[data-id="${CSS.escape(before)}"] a`)?.focus();
    });
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.stay.over) return;
      this.load(true);
      if (this.opened && !this.player) this.open(this.opened);
    }, 300);
  }

  load(quietly = false) {
    const fetching = () => this.api.page(withQuery("/v1/recordings", { ...this.query, max: PAGE }), this.stay.signal);
    if (quietly) return fetching().then(({ items }) => refill(this.list, this.groups(items)), () => {});
    return loading(this.list, fetching, ({ items }) => this.groups(items));
  }

  groups(recordings) {
    if (!recordings.length) {
      const filtered = Object.values(this.query).some(Boolean);
      return empty(filtered ? "No recording matches" : "No recordings yet", filtered ? "Loosen a filter." : "Call somebody in Calls, or fork a call to the recorder.");
    }
    const groups = new Map();
    for (const each of recordings) {
      const name = [each.provider ?? "", each.tenant.serviceProvider, each.tenant.externalGroup].join(" ");
      groups.set(name, [...(groups.get(name) ?? []), each]);
    }
    return [...groups.values()].flatMap((group) => [this.groupHead(group[0], group.length), this.groupTable(group)]);
  }

  title(provider) {
    return this.providers.find(({ name }) => name === provider)?.title ?? provider ?? "No provider";
  }

  product({ provider, product }) {
    const known = this.providers.find(({ name }) => name === provider)?.products ?? [];
    return known.find(({ name }) => name === product)?.title ?? words(product ?? "");
  }

  groupHead({ provider, tenant, quarantined }, number) {
    return el(
      "div",
      { className: "group-head" },
      el("h3", {}, this.title(provider)),
      el("span", { className: "soft small" }, [tenant.serviceProvider, tenant.externalGroup].filter(Boolean).join(" / ") || "no tenant"),
      quarantined ? badge("quarantine", "wait") : null,
      el("span", { className: "soft small" }, number === 1 ? "1 recording" : `${number} recordings`),
    );
  }

  groupTable(group) {
    const rows = group.map((recording) => {
      const open = el("a", { className: "open nowrap", href: address("recordings", recording.id, this.query) }, dateTime(recording.startedAt));
      return el(
        "tr",
        { className: "pick", dataset: { id: recording.id }, "aria-selected": String(recording.id === this.opened), on: { click: (event) => event.target.closest("a") || open.click() } },
        el("td", {}, open),
        el("td", {}, this.person(recording)),
        el("td", { className: "soft extra" }, this.product(recording)),
        el("td", { className: "number nowrap" }, recording.durationMs === null ? "" : playTime(recording.durationMs)),
        el("td", { className: "nowrap extra" }, this.retention(recording)),
        el("td", {}, stateBadge(recording.paused ? "paused" : recording.state)),
      );
    });
    return scrolling(`Recordings of ${this.title(group[0].provider)}`, table("Recordings", ["Started", "Person", ["Product", "extra"], ["Length", "number"], ["Kept", "extra"], "State"], rows));
  }

  person({ personId, quarantineReason }) {
    const person = this.people.find(({ id }) => id === personId);
    return person ? personName(person) : (personId ?? words(quarantineReason ?? "nobody"));
  }

  /** How long a recording stays, in world time. */
  retention({ expiresAt, state }) {
    if (state === "recording") return "";
    if (!expiresAt) return "without end";
    const left = (Date.parse(expiresAt) - this.app.world.time()) / 1000;
    return left > 0 ? `${duration(left)} left` : "due for deletion";
  }

  // one recording

  async open(id) {
    this.player?.end();
    this.player = null;
    this.opened = id;
    for (const row of this.list.querySelectorAll("tr[data-id]")) row.setAttribute("aria-selected", String(row.dataset.id === id));
    this.body.className = id ? "split" : "";
    this.detail.hidden = !id;
    if (!id) return refill(this.detail);
    await loading(this.detail, () => this.api.get(`/v1/recordings/${encodeURIComponent(id)}`, this.stay.signal), (recording) => this.detailOf(recording), 8);
    if (matchMedia("(max-width: 1150px)").matches) this.detail.scrollIntoView({ block: "start" });
    return undefined;
  }

  detailOf(recording) {
    const close = el("a", { className: "button quiet small", href: address("recordings", "", this.query) }, "Close");
    const sound = el("div", {});
    const details = recording.details ?? {};
    const may = new Set(recording.allowed);
    const cards = [
      card(
        `${this.person(recording)}, ${timeOfDay(recording.startedAt)}`,
        { note: el("div", { className: "row" }, stateBadge(recording.paused ? "paused" : recording.state), close) },
        sound,
        this.marks(recording, details),
      ),
    ];
    if (recording.state === "recording") put(sound, empty("Still recording", "It can be heard once it is sealed."));
    else if (!may.has("play")) put(sound, el("p", { className: "notice" }, "This token may know that the recording exists, and no more: who hears it is the provider’s rule."));
    else this.hear(recording, details, sound);
    cards.push(card("Facts", {}, this.facts(recording, details)));
    if (recording.details) cards.push(card("Files", { flush: true }, this.files(recording, details, may)), card("Streams", { flush: true }, streamsOf(details)));
    if (may.has("show") && recording.state !== "recording") cards.push(this.metadata(recording));
    if (may.has("delete") && recording.state !== "recording") cards.push(this.removal(recording));
    if (recording.quarantined && may.has("assign")) cards.push(this.assignment(recording));
    return cards;
  }

  async hear(recording, details, sound) {
    const path = `/v1/recordings/${encodeURIComponent(recording.id)}`;
    const names = partiesOf(details);
    await loading(sound, () => this.api.get(`${path}/peaks?points=${POINTS}`, this.stay.signal), (peaks) => {
      this.player?.end();
      this.player = new Player({
        peaks,
        marks: marksOf(details, pausesAreCut(recording)),
        names,
        fetchAudio: () => this.api.file(`${path}/audio`, this.stay.signal),
        onTrouble: (refusal) => this.app.toast(sentence(refusal), "bad"),
      });
      requestAnimationFrame(() => this.player?.draw());
      return this.player.node;
    });
  }

  marks(recording, details) {
    const found = marksOf(details, pausesAreCut(recording));
    if (!found.length) return null;
    const shades = { gap: "bad", pause: "wait", mark: "other" };
    return el(
      "ul",
      { className: "marks", "aria-label": "On the timeline" },
      found.map(({ kind, from, label, text }) => {
        const jump = button(playTime(from), () => this.player?.moveTo(from), "small");
        return el("li", {}, jump, el("span", {}, badge(label ?? kind, shades[kind]), ` ${text}`));
      }),
    );
  }

  facts(recording, details) {
    const { tenant } = recording;
    const stereo = (details.audio ?? []).find(({ kind }) => kind === "stereo");
    return facts([
      ["Provider", [this.title(recording.provider), this.product(recording)].filter(Boolean).join(", ")],
      ["Tenant", [tenant.serviceProvider, tenant.externalGroup, tenant.externalIdentifier].filter(Boolean).join(" / ")],
      ["Caller", details.caller ? [details.caller.name, phone(details.caller.number)].filter(Boolean).join(", ") : null],
      ["Started", dateTime(recording.startedAt)],
      ["Ended", recording.endedAt ? `${dateTime(recording.endedAt)}, ${recording.outcome}` : null],
      ["Length", recording.durationMs === null ? null : playTime(recording.durationMs)],
      ["Size", recording.sizeBytes === null ? null : bytes(recording.sizeBytes)],
      ["Kept", this.retention(recording) + (recording.expiresAt ? `, until ${dateTime(recording.expiresAt)}` : "")],
      ["SHA-256", stereo ? el("span", { className: "sha" }, stereo.sha256) : null],
      ["Dialect", recording.dialect],
      ["Call", details.call ? [details.call.kind, details.call.callId].filter(Boolean).join(", ") : null],
      ["Warnings", (details.warnings ?? []).map(({ code, subject }) => [words(code), subject].filter(Boolean).join(" ")).join("; ")],
      ["Quarantine", recording.quarantined ? words(recording.quarantineReason ?? "") : null],
      ["Id", el("code", {}, recording.id)],
    ]);
  }

  files(recording, details, may) {
    const rows = (details.audio ?? []).map((file) => {
      const party = file.kind === "stereo" ? "stereo" : file.label;
      return el(
        "tr",
        {},
        el("th", { scope: "row" }, file.name),
        el("td", { className: "nowrap" }, `${file.sampleRateHz / 1000} kHz ${file.channels === 2 ? "stereo" : "mono"}`),
        el("td", { className: "number nowrap" }, bytes(file.bytes)),
        el("td", { className: "sha", title: file.sha256 }, `${file.sha256.slice(0, 12)}…`),
        el("td", {}, may.has("play") ? button("Save", () => this.save(recording.id, party, file.name), "small", { "aria-label": `Save ${file.name}` }) : ""),
      );
    });
    return scrolling("Files", table("Files", ["File", "Format", ["Size", "number"], "SHA-256", unseen("Save")], rows));
  }

  async save(id, party, name) {
    await this.app.attempt(async () => {
      const file = await this.api.file(`/v1/recordings/${encodeURIComponent(id)}/audio?party=${encodeURIComponent(party)}`);
      const link = el("a", { href: URL.createObjectURL(file), download: `${id}-${name}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }

  metadata(recording) {
    const body = el("div", { className: "stack" });
    const show = button("Show every document as it came", () =>
      loading(body, () => this.api.get(`/v1/recordings/${encodeURIComponent(recording.id)}/metadata`, this.stay.signal), ({ history }) =>
        history.map((each, n) =>
          el("details", { className: "pdu", open: n === 0 }, el("summary", {}, `Document ${n + 1}, ${timeOfDay(each.receivedAt)}`), el("div", { className: "pdu-body" }, el("pre", {}, indented(each.document ?? atob(each.documentBase64 ?? ""))))),
        ),
      ),
    );
    body.append(el("div", {}, show));
    return card("Metadata", { note: `${recording.details?.metadataRevisions ?? 0} received` }, body);
  }

  removal(recording) {
    const sure = el("input", { type: "checkbox" });
    const remove = button("Delete", async () => {
      if (!sure.checked) return sure.focus();
      const done = await this.app.attempt(() => this.api.delete(`/v1/recordings/${encodeURIComponent(recording.id)}`).then(() => true), "The recording is gone");
      if (done) {
        this.app.go("recordings", "", this.query);
        this.load(true);
      }
      return undefined;
    }, "danger");
    return card("Delete", {}, el("div", { className: "row spread" }, el("label", { className: "check" }, sure, "Audio, metadata and entry, for good"), remove));
  }

  assignment(recording) {
    const list = select("person", this.people.map((person) => [person.id, personName(person)]), "", { "aria-label": "Person" });
    const give = button("Assign", async () => {
      const done = await this.app.attempt(() => this.api.post(`/v1/recordings/${encodeURIComponent(recording.id)}/assign`, { personId: list.value }), "Assigned");
      if (done) this.open(recording.id);
    });
    return card("Out of quarantine", {}, el("div", { className: "row" }, el("div", { className: "grow" }, list), give));
  }
}

/** Names of the parties by channel: the label's party, as its address says. */
export function partiesOf(details) {
  const labels = (details.audio ?? []).filter(({ kind }) => kind === "party").map(({ label }) => label);
  return labels.map((label) => {
    const party = (details.parties ?? []).find((each) => (each.labels ?? []).includes(label));
    const named = party?.names?.[0];
    const name = typeof named === "string" ? named : (named?.name ?? "");
    const number = phone(/^sips?:([^@;]+)/.exec(party?.aor ?? "")?.[1] ?? "");
    return [name, number].filter(Boolean).join(", ") || `Party ${label}`;
  });
}

function streamsOf(details) {
  const rows = (details.streams ?? []).map((stream) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, String(stream.label ?? stream.index)),
      el("td", {}, stream.codec ?? ""),
      ...["packets", "lost", "late", "duplicates"].map((name) => el("td", { className: "number" }, String(stream[name] ?? 0))),
      el("td", { className: "number nowrap" }, `${(stream.jitterMs ?? 0).toFixed(1)} ms`),
    ),
  );
  return scrolling("Streams", table("Streams", ["Label", "Codec", ["Packets", "number"], ["Lost", "number"], ["Late", "number"], ["Double", "number"], ["Jitter", "number"]], rows));
}

/** XML with one element a line: for reading, as text. */
export function indented(xml) {
  let depth = 0;
  return xml
    .replace(/>\s*</g, ">\n<")
    .split("\n")
    .map((line) => {
      if (/^<\//.test(line)) depth -= 1;
      const shown = `${"  ".repeat(Math.max(depth, 0))}${line}`;
      if (/^<[^?!/][^>]*>$/.test(line) && !line.endsWith("/>")) depth += 1;
      return shown;
    })
    .join("\n");
}
