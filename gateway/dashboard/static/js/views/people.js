// The simulated Webex App: two people side by side, and a handset they text with.

import { el, icon, keyed, refill, setText } from "../dom.js";
import { carrierName, initials, personName, phone, words } from "../format.js";
import { badge, empty, failure, head, momentNode, saidIn, select, sentence, setBadge, setOptions, stateBadge, submitting } from "../parts.js";
import { address } from "../router.js";

export const TITLE = "People";

const MAX_SAID = 200;
const HANDSETS = [
  ["tmobile", "+13105550120", "answers"],
  ["tmobile", "+13105550124", ""],
  ["tmobile", "+13105550121", "switched off"],
  ["tmobile", "+13105550122", "slow"],
  ["att", "+12125550124", ""],
  ["verizon", "+14155550124", ""],
  ["uscellular", "+13125550124", ""],
  ["bell", "+15145550124", ""],
  ["rogers", "+16475550124", ""],
  ["telus", "+16045550124", ""],
];

export async function mount(root, stay) {
  const { app } = stay;
  const [people, carriers] = await Promise.all([app.people(), app.carriers().catch(() => [])]);
  const texting = people.filter(({ number }) => number);
  refill(root, head("People", "The simulated Webex App: send as a person, answer as a handset. Every rule, limit and carrier is the real one."));
  if (!texting.length) return void root.append(el("div", { className: "card" }, empty("Nobody here has a number", "Add a person with a number to text as.")));
  const offered = HANDSETS.filter(([carrier]) => !carriers.length || carriers.includes(carrier));
  const { query } = stay.place;
  const state = {
    people,
    left: texting.some(({ id }) => id === query.left) ? query.left : texting[0].id,
    right: texting.some(({ id }) => id === query.right) ? query.right : (texting[1] ?? texting[0]).id,
    handset: offered.some(([, number]) => number === query.handset) ? query.handset : offered[0][1],
  };
  const said = new Talk(stay);
  const panes = [];
  const changed = async () => {
    app.note("people", "", { left: state.left, right: state.right, handset: state.handset });
    await said.load(state.handset);
    draw();
  };
  const draw = () => panes.forEach((pane) => pane.draw());
  const common = { app, stay, state, said, texting, changed };
  panes.push(new PersonPane("left", common), new HandsetPane(offered, common));
  if (texting.length > 1) panes.push(new PersonPane("right", common));
  root.append(el("div", { className: "phones" }, panes.map(({ node }) => node)));
  stay.listen((name, document) => {
    const text = document.data ?? {};
    if (!name.startsWith("message.") || (text.from !== state.handset && text.to !== state.handset)) return;
    said.take(text);
    draw();
  });
  stay.onRenew(async () => {
    await said.load(state.handset, said.refused);
    draw();
  });
  await changed();
  return undefined;
}

/** What has been said between anybody here and one handset: bounded, oldest first. */
class Talk {
  constructor(stay) {
    this.stay = stay;
    this.texts = new Map();
    this.refused = [];
    this.trouble = null;
  }

  /** Fetches what was said; `refused` is kept, since only its sender knows of it. */
  async load(handset, refused = []) {
    this.texts.clear();
    this.refused = refused;
    try {
      const page = await this.stay.api.page(`/v1/messages?max=100&number=${encodeURIComponent(handset)}`, this.stay.signal);
      for (const text of page.items.reverse()) this.texts.set(text.id, text);
      this.trouble = null;
    } catch (refusal) {
      this.trouble = refusal;
    }
  }

  take(text) {
    const known = this.texts.get(text.id);
    if (known?.updated && text.updated && text.updated < known.updated) return;
    this.texts.set(text.id, { ...known, ...text });
    if (this.texts.size > MAX_SAID) this.texts.delete(this.texts.keys().next().value);
  }

  /** Keeps a text that was refused: it never became one, and only its sender knows. */
  refuse(from, to, text, refusal) {
    this.refused = [...this.refused, { id: `refused-${this.refused.length}-${Date.now()}`, from, to, text, refusal, created: new Date(this.stay.app.world.time()).toISOString() }].slice(-MAX_SAID);
  }

  between(number, handset, all = [...this.texts.values()]) {
    const between = (text) => (text.from === number && text.to === handset) || (text.from === handset && text.to === number);
    return [...all, ...this.refused].filter(between).sort((a, b) => (a.created < b.created ? -1 : 1));
  }
}

class Pane {
  constructor(label, { said, state, stay, app }) {
    Object.assign(this, { said, state, stay, app });
    this.headline = el("div", { className: "app-head" });
    this.list = el("ol");
    this.thread = el("div", { className: "thread", role: "log", "aria-label": `Texts, ${label}`, tabIndex: 0 }, this.list);
    this.entry = el("textarea", { name: "text", rows: 1, required: true, "aria-label": `Text, ${label}`, placeholder: "Write a text" });
    this.result = el("p", { className: "result", role: "status" });
    this.composer = el(
      "form",
      { className: "composer", "aria-label": label, on: { submit: (event) => this.submit(event) } },
      this.entry,
      el("button", { className: "button primary", type: "submit", "aria-label": `Send, ${label}` }, "Send"),
      this.result,
    );
    this.entry.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.composer.requestSubmit();
      }
    });
    this.node = el("section", { className: "card app", "aria-label": label }, this.headline, this.thread, this.composer);
  }

  async submit(event) {
    event.preventDefault();
    const text = this.entry.value;
    const done = await submitting(this.composer, this.result, () => this.send(text));
    if (done) this.entry.value = "";
    this.entry.focus();
    this.draw();
  }

  drawThread(texts, own, who) {
    const atEnd = this.thread.scrollHeight - this.thread.scrollTop - this.thread.clientHeight < 60;
    if (this.said.trouble) return void refill(this.thread, failure(this.said.trouble));
    if (!texts.length) return void refill(this.thread, empty("Nothing said yet", "Write the first text below."));
    if (!this.list.isConnected) refill(this.thread, this.list);
    keyed(this.list, texts, ({ id }) => id, (text) => this.makeSaid(text, own(text), who(text)), fillSaid);
    if (atEnd || this.last !== texts.at(-1).id) this.thread.scrollTop = this.thread.scrollHeight;
    this.last = texts.at(-1).id;
  }

  makeSaid(text, own, who) {
    const why = text.refusal;
    const foot = el("div", { className: "said-foot" }, who ? el("span", {}, who) : null, momentNode(text.created));
    if (why) foot.append(badge(why.code || "refused", "bad"));
    else foot.append(el("a", { href: address("messages", text.id), "aria-label": `Story: ${text.state}` }, stateBadge(text.state)));
    const extra = why ? el("p", { className: "small tone-bad" }, sentence(why)) : null;
    return el("li", { className: `said ${own ? "own" : ""} ${why ? "refused" : ""}` }, el("span", { dir: "auto" }, saidIn(text)), extra, foot);
  }
}

function fillSaid(node, text) {
  if (text.refusal) return;
  const shown = node.querySelector(".badge");
  if (shown.textContent !== words(text.state)) setBadge(shown, text.state);
  shown.title = text.code ?? "";
  shown.parentElement.setAttribute("aria-label", `Story: ${text.state}${text.code ? `, ${text.code}` : ""}`);
}

/** A person's Webex App. */
class PersonPane extends Pane {
  constructor(side, common) {
    super(`Webex App, ${side}`, common);
    this.side = side;
    this.avatar = el("span", { className: "avatar", "aria-hidden": "true" });
    this.about = el("p", { className: "soft small" });
    const list = select("person", common.texting.map((person) => [person.id, personName(person)]), this.state[side]);
    list.setAttribute("aria-label", `Person, ${side}`);
    list.addEventListener("change", () => {
      this.state[side] = list.value;
      this.last = null;
      common.changed();
    });
    refill(this.headline, el("div", { className: "who" }, this.avatar, el("div", { className: "grow" }, list)), this.about);
  }

  get person() {
    return this.state.people.find(({ id }) => id === this.state[this.side]);
  }

  async send(text) {
    const { person } = this;
    try {
      this.said.take(await this.app.api.send(person.id, this.state.handset, text));
      return "";
    } catch (refusal) {
      this.said.refuse(person.number, this.state.handset, text, refusal);
      throw refusal;
    }
  }

  draw() {
    const { person } = this;
    setText(this.avatar, initials(personName(person)));
    setText(this.about, `${phone(person.number)} · ${person.client} ${person.appVersion}${person.textingEnabled ? "" : " · texting is off"}`);
    this.drawThread(this.said.between(person.number, this.state.handset), (text) => text.from === person.number, () => "");
  }
}

/** A handset on one of the carriers. */
class HandsetPane extends Pane {
  constructor(offered, common) {
    super("Handset", common);
    this.offered = offered;
    this.to = select("to", [], "", { "aria-label": "Answer whom" });
    const options = offered.map(([carrier, number, what]) => [number, `${carrierName(carrier)} ${phone(number)}${what ? ` (${what})` : ""}`]);
    const list = select("handset", options, this.state.handset, { "aria-label": "Handset" });
    list.addEventListener("change", () => {
      this.state.handset = list.value;
      this.last = null;
      common.changed();
    });
    refill(
      this.headline,
      el("div", { className: "who" }, el("span", { className: "avatar device", "aria-hidden": "true" }, icon("calls")), el("div", { className: "grow" }, list)),
      el("div", { className: "row" }, el("span", { className: "soft small" }, "answers"), el("div", { className: "grow" }, this.to)),
    );
  }

  people() {
    const ids = [...new Set([this.state.left, this.state.right])];
    return ids.map((id) => this.state.people.find((person) => person.id === id));
  }

  async send(text) {
    const [carrier] = this.offered.find(([, number]) => number === this.state.handset);
    await this.app.api.inject(carrier, this.state.handset, this.to.value, text);
    return "";
  }

  draw() {
    const people = this.people();
    setOptions(this.to, people.map((person) => [person.number, personName(person)]));
    const texts = [...this.said.texts.values()].filter((text) => people.some(({ number }) => number === text.from || number === text.to));
    const name = (number) => people.find((person) => person.number === number)?.firstName ?? phone(number);
    this.drawThread(
      texts.filter((text) => text.direction === "inbound" || ["submitted", "delivered"].includes(text.state)).sort((a, b) => (a.created < b.created ? -1 : 1)),
      (text) => text.from === this.state.handset,
      (text) => (text.from === this.state.handset ? `to ${name(text.to)}` : `from ${name(text.from)}`),
    );
  }
}

