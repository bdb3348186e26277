// 10DLC: brands and campaigns, what every carrier makes of them, numbers, and the clock their reviews follow.

import { el, onFrame, refill, setText } from "../dom.js";
import { carrierName, count, dateTime, duration, phone, words } from "../format.js";
import { badge, button, card, empty, field, form, head, loading, scrolling, segmented, select, stateBadge, table } from "../parts.js";
import { pace } from "../world.js";

export const TITLE = "10DLC";

const STEPS = [["+1 min", 60], ["+1 h", 3600], ["+1 day", 86_400], ["+7 days", 604_800], ["+28 days", 2_419_200]];
const SPEEDS = [["0", "Frozen"], ["1", "×1"], ["60", "×60"], ["3600", "×3,600"]];
const USE_CASES = ["UCAAS_LOW", "MIXED", "LOW_VOLUME", "CUSTOMER_CARE", "ACCOUNT_NOTIFICATION", "2FA", "MARKETING", "DELIVERY_NOTIFICATION"];
const ENTITIES = ["PRIVATE_PROFIT", "PUBLIC_PROFIT", "NON_PROFIT", "GOVERNMENT", "SOLE_PROPRIETOR"];
const MOVES = {
  draft: [["submit", "Hand in"]],
  prevet_failed: [["submit", "Hand in again"]],
  confirmed: [["suspend", "Suspend"], ["expire", "Let expire"]],
  suspended: [["resume", "Resume"], ["expire", "Let expire"]],
};

export async function mount(root, stay) {
  const desk = new Desk(stay);
  refill(root, head("10DLC", "Who may text whom how much: brands, campaigns and numbers, and what each carrier makes of them."), clockCard(stay), desk.node);
  let timer = null;
  stay.listen((name) => {
    if (!/^(brand|campaign|number|person)\./.test(name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => stay.over || desk.refresh().catch(() => {}), 200);
  });
  stay.onEnd(() => clearTimeout(timer));
  stay.onRenew(() => desk.refresh());
  await desk.start();
}

function clockCard(stay) {
  const { world, api } = stay.app;
  const time = el("time");
  const how = el("span", { className: "soft small" });
  const speeds = el("div", {});
  const change = (body) =>
    stay.app.attempt(async () => {
      world.take(await api.post("/v1/clock", body));
      draw();
    });
  const draw = () => {
    setText(time, world.written());
    if (!world.clock) return;
    setText(how, world.held !== null ? "as of when the connection was lost" : world.clock.mode === "frozen" ? "the world stands still" : pace(world.clock) ? `${world.clock.speed} world seconds a second` : "runs as the wall’s clock");
    const now = world.clock.mode === "frozen" ? "0" : String(world.clock.speed);
    if (speeds.dataset.now === now) return;
    speeds.dataset.now = now;
    refill(speeds, segmented("Speed of the world", "speed", SPEEDS, now, (value) => change(value === "0" ? { freeze: true } : { speed: Number(value) })));
  };
  draw();
  stay.every(1000, onFrame(draw));
  stay.listen((name) => name === "clock.changed" && setTimeout(draw, 300));
  return el(
    "section",
    { className: "card card-body clock", "aria-label": "World clock" },
    el("div", {}, el("span", { className: "soft small" }, "World time, UTC"), time, how),
    el(
      "div",
      { className: "clock-tools" },
      el("div", { className: "row" }, STEPS.map(([label, seconds]) => button(label, () => change({ advance: seconds }), "small"))),
      speeds,
    ),
  );
}

class Desk {
  constructor(stay) {
    Object.assign(this, { stay, app: stay.app, api: stay.api });
    this.brandBox = el("div", { className: "stack" });
    this.numberBox = el("div", {});
    this.node = el("div", { className: "stack" }, this.brandBox, this.numberBox);
  }

  async start() {
    await Promise.all([
      loading(this.brandBox, () => this.fetch(), (found) => this.brandCards(found)),
      loading(this.numberBox, () => this.fetchNumbers(), (found) => this.numberCard(found)),
    ]);
  }

  async refresh() {
    const [found, numbers] = await Promise.all([this.fetch(), this.fetchNumbers()]);
    if (this.stay.over || this.brandBox.contains(document.activeElement?.closest?.("form"))) return;
    const open = new Set([...this.node.querySelectorAll("details[open]")].map((each) => each.dataset.name));
    refill(this.brandBox, this.brandCards(found));
    refill(this.numberBox, this.numberCard(numbers));
    for (const each of this.node.querySelectorAll("details")) if (open.has(each.dataset.name)) each.open = true;
  }

  async fetch() {
    const [brands, campaigns] = await Promise.all([this.api.all("/v1/brands", 200, this.stay.signal), this.api.all("/v1/campaigns", 500, this.stay.signal)]);
    return { brands, campaigns };
  }

  async fetchNumbers() {
    const [numbers, people, campaigns] = await Promise.all([
      this.api.all("/v1/numbers", 500, this.stay.signal),
      this.app.people(),
      this.api.all("/v1/campaigns", 500, this.stay.signal).catch(() => []),
    ]);
    return { numbers, people, campaigns };
  }

  change(work, said) {
    return this.app.attempt(async () => {
      await work();
      this.app.cache.clear();
      await this.refresh();
    }, said);
  }

  brandCards({ brands, campaigns }) {
    const cards = brands.map((brand) => this.brandCard(brand, campaigns.filter(({ brandId }) => brandId === brand.id)));
    return [...(cards.length ? cards : [el("div", { className: "card" }, empty("No brand is registered", "Register one below."))]), el("div", { className: "columns" }, this.campaignForm(brands), this.brandForm())];
  }

  brandCard(brand, campaigns) {
    const score = brand.vettingScore === null ? "not vetted" : `score ${brand.vettingScore}`;
    const vet = el("input", { name: "score", type: "number", min: 0, max: 100, value: brand.vettingScore ?? "", "aria-label": "Vetting score" });
    const vetting = el(
      "form",
      {
        className: "row",
        "aria-label": `Vetting of ${brand.name}`,
        on: {
          submit: (event) => {
            event.preventDefault();
            const vettingScore = vet.value === "" ? null : Number(vet.value);
            document.activeElement?.blur();
            this.change(() => this.api.patch(`/v1/brands/${encodeURIComponent(brand.id)}`, { vettingScore }), "Classes and caps follow the score");
          },
        },
      },
      el("span", { className: "soft small" }, "Vetting score"),
      el("span", { className: "score" }, vet),
      el("button", { className: "button small", type: "submit" }, "Set"),
    );
    return card(
      brand.name,
      { note: el("div", { className: "row" }, badge(score, brand.vettingScore === null ? "wait" : "good"), badge(words(brand.identity))) },
      el("div", { className: "row spread" }, el("p", { className: "soft small" }, [words(brand.entityType), brand.country, `tax id ${brand.taxId || "none"}`, brand.russell3000 ? "Russell 3000" : ""].filter(Boolean).join(" · ")), vetting),
      campaigns.length ? el("div", { className: "stack" }, campaigns.map((campaign) => this.campaign(campaign))) : empty("No campaign yet"),
    );
  }

  campaign(campaign) {
    const path = `/v1/campaigns/${encodeURIComponent(campaign.id)}`;
    const moves = (MOVES[campaign.status] ?? []).map(([move, label]) =>
      button(label, () => this.change(() => this.api.post(`${path}/${move}`, move === "suspend" ? { reason: "suspended by hand" } : undefined), `${campaign.id}: done`), move === "expire" ? "small danger" : "small"),
    );
    const rows = Object.entries(campaign.carriers).map(([carrier, view]) =>
      el(
        "tr",
        { dataset: { carrier } },
        el("th", { scope: "row" }, carrierName(carrier)),
        el("td", {}, view.approval ? stateBadge(view.approval) : el("span", { className: "soft" }, "no review")),
        el("td", { className: "nowrap" }, view.at ? dateTime(view.at) : ""),
        el("td", {}, view.campaignClass ?? ""),
        el("td", { className: "number nowrap" }, view.segmentsPerMinute ? `${count(view.segmentsPerMinute)}${view.countsPerNumber ? " each number" : ""}` : ""),
        el("td", { className: "number" }, view.brandSegmentsPerDay ? count(view.brandSegmentsPerDay) : ""),
        el("td", { className: "soft small" }, view.reason),
      ),
    );
    const columns = ["Carrier", "Approval", "Decides", "Class", ["A minute", "number"], ["Brand a day", "number"], "Reason"];
    const left = campaign.nextStep ? (Date.parse(campaign.nextStep) - this.app.world.time()) / 1000 : 0;
    return el(
      "article",
      { className: "campaign", "aria-label": `Campaign ${campaign.id}`, dataset: { campaign: campaign.id } },
      el(
        "div",
        { className: "row spread" },
        el("div", { className: "row" }, el("h3", {}, campaign.id), stateBadge(campaign.status), badge(campaign.useCase), campaign.nextStep ? badge(`next step ${dateTime(campaign.nextStep)}, in ${duration(Math.max(left, 0))}`, "busy") : null),
        el("div", { className: "row" }, moves),
      ),
      el("p", { className: "small" }, campaign.description, campaign.reason ? el("span", { className: "tone-bad" }, ` ${campaign.reason}`) : null),
      el("div", { className: "chips" }, campaign.numbers.map((number) => this.numberChip(path, campaign, number))),
      scrolling(`Carriers of ${campaign.id}`, table(`What each carrier makes of ${campaign.id}`, columns, rows)),
    );
  }

  numberChip(path, campaign, number) {
    const take = el("button", { type: "button", title: `Take ${phone(number)} out of ${campaign.id}`, on: { click: () => this.change(() => this.api.delete(`${path}/numbers/${encodeURIComponent(number)}`), `${phone(number)} is free`) } }, "×");
    take.setAttribute("aria-label", take.title);
    return el("span", { className: "chip" }, phone(number), take);
  }

  // forms

  campaignForm(brands) {
    return card(
      "Register a campaign",
      { note: "about four weeks of world time" },
      form(
        {
          label: "Register a campaign",
          submit: "Register",
          onSubmit: async (given, node) => {
            const body = {
              brandId: given.get("brandId"),
              useCase: given.get("useCase"),
              description: given.get("description"),
              samples: [given.get("sample")],
              draft: given.get("draft") === "on",
              ...(given.get("id") ? { id: given.get("id") } : {}),
            };
            const made = await this.api.post("/v1/campaigns", body);
            node.reset();
            document.activeElement?.blur();
            this.app.toast(`${made.id} is ${words(made.status)}`, "good");
            await this.refresh();
            return "";
          },
        },
        el("div", { className: "pair" }, field("Brand", select("brandId", brands.map(({ id, name }) => [id, name]))), field("Use case", select("useCase", USE_CASES.map((one) => [one, one]))), field("Id (optional)", el("input", { name: "id", pattern: "[a-z0-9\\-]{1,40}", autocomplete: "off" }))),
        field("Description", el("textarea", { name: "description", required: true, value: "Reminders of appointments to patients who asked for them." })),
        field("Sample", el("input", { name: "sample", required: true, value: "Acme Dental: see you on Tuesday at 10. Reply STOP to unsubscribe." })),
        el("label", { className: "check" }, el("input", { type: "checkbox", name: "draft" }), "Keep it as a draft"),
      ),
    );
  }

  brandForm() {
    return card(
      "Register a brand",
      {},
      form(
        {
          label: "Register a brand",
          submit: "Register",
          primary: false,
          onSubmit: async (given, node) => {
            const organizations = await this.app.list("/v1/organizations");
            const made = await this.api.post("/v1/brands", { name: given.get("name"), taxId: given.get("taxId"), entityType: given.get("entityType"), organizationId: organizations[0]?.id });
            node.reset();
            document.activeElement?.blur();
            this.app.toast(`${made.name} is registered`, "good");
            await this.refresh();
            return "";
          },
        },
        field("Legal name", el("input", { name: "name", required: true, autocomplete: "off" })),
        el("div", { className: "pair" }, field("Tax id", el("input", { name: "taxId", autocomplete: "off", placeholder: "12-3456789" })), field("Legal form", select("entityType", ENTITIES.map((one) => [one, words(one)])))),
      ),
    );
  }

  numberCard({ numbers, people, campaigns }) {
    const names = new Map(people.map((person) => [person.id, `${person.firstName} ${person.lastName}`]));
    const rows = numbers.map((number) =>
      el(
        "tr",
        { dataset: { number: number.number } },
        el("th", { scope: "row", className: "nowrap" }, phone(number.number)),
        el("td", {}, names.get(number.personId) ?? ""),
        el("td", {}, number.locationId),
        el("td", {}, number.authorized ? badge("authorised", "good") : button("Authorise", () => this.authorise(number), "small")),
        el("td", {}, number.campaignId ? el("span", {}, number.campaignId) : this.assign(number, campaigns)),
      ),
    );
    return card("Numbers", { note: "authorised by an order, then in one campaign", flush: true }, rows.length ? scrolling("Numbers", table("Numbers", ["Number", "Person", "Location", "Authorised", "Campaign"], rows)) : empty("No numbers"));
  }

  authorise({ number, locationId }) {
    return this.change(() => this.api.post("/v1/numberOrders", { locationId, numbers: [number] }), `${phone(number)} is authorised`);
  }

  assign({ number, authorized }, campaigns) {
    if (!authorized) return el("span", { className: "soft" }, "not authorised yet");
    const open = campaigns.filter(({ status }) => status !== "expired");
    const list = select("campaign", [["", "in none"], ...open.map(({ id }) => [id, id])], "", { "aria-label": `Campaign of ${phone(number)}` });
    list.addEventListener("change", () => list.value && this.change(() => this.api.post(`/v1/campaigns/${encodeURIComponent(list.value)}/numbers`, { numbers: [number] }), `${phone(number)} is in ${list.value}`));
    return list;
  }
}

