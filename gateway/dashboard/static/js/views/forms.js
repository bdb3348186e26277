// Sending as a person, and texting from a handset.

import { items } from "../api.js";
import { byId, el, say } from "../dom.js";

/** Waits for `work` with the form's button disabled, and says how it went. */
async function submit(form, result, work) {
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  say(result, "…");
  try {
    say(result, await work(), "good");
  } catch (refusal) {
    say(result, refusal.sentence?.() ?? "the gateway cannot be reached", "bad");
  } finally {
    button.disabled = false;
  }
}

/** What 202 says, in a sentence. */
export function acceptedSentence(message) {
  const parts = message.segments === 1 ? "1 part" : `${message.segments} parts`;
  const where = message.carrier ? ` through ${message.carrier}` : "";
  return `${message.state}${where}, ${parts}, ${message.encoding}`;
}

export class Forms {
  constructor(api, store) {
    this.api = api;
    this.store = store;
    this.listen("send", (form) => this.send(form));
    this.listen("inject", (form) => this.inject(form));
  }

  listen(name, work) {
    const form = byId(`${name}-form`);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(form, byId(`${name}-result`), () => work(new FormData(form)));
    });
    form.querySelector("textarea").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }

  async send(form) {
    try {
      const message = await this.api.send(form.get("person"), form.get("to").trim(), form.get("text"));
      this.store.remember(message);
      return acceptedSentence(message);
    } catch (refusal) {
      if (refusal.code) this.store.refused(refusal.code);
      throw refusal;
    }
  }

  async inject(form) {
    await this.api.inject(form.get("carrier"), form.get("from").trim(), form.get("to").trim(), form.get("text"));
    return "on its way";
  }

  /** Fills the two lists from the API; what this token may not see is left at the demo world's names. */
  async load() {
    const people = await this.api.get("/v1/people").then(items, () => [{ id: "alice", displayName: "Alice" }]);
    fill(byId("send-person"), people.map((person) => [person.id, personName(person)]));
    await this.loadCarriers();
  }

  /** Asks for the carriers and fills their list. */
  async loadCarriers() {
    const carriers = await this.api.get("/v1/carriers").then(items, () => null);
    byId("inject-form").closest("section").hidden = carriers === null;
    byId("carriers-empty").textContent = carriers === null ? "This token may not see the carriers." : "No carriers.";
    if (carriers === null) return;
    this.store.setCarriers(carriers);
    const names = carriers.map((carrier) => [carrier.name, carrier.title ?? carrier.name]);
    if (names.length !== byId("inject-carrier").length) fill(byId("inject-carrier"), names);
  }
}

/** A person's name and number in one line. */
export function personName(person) {
  const name = person.displayName ?? ([person.firstName, person.lastName].filter(Boolean).join(" ") || person.id);
  return person.number ? `${name} · ${person.number}` : name;
}

function fill(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, label]) => el("option", { value }, label)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
