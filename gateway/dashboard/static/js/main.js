// The page: sign in, then show one view at a time and keep what happens at hand.

import { Api, items, withQuery } from "./api.js";
import { byId, el, onFrame, refill, setText } from "./dom.js";
import { dayOf, followWorld, personName } from "./format.js";
import { empty, failure, head, rewriteMoments, sentence } from "./parts.js";
import { address, parse } from "./router.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { setUpTheme } from "./theme.js";
import { pace, World } from "./world.js";
import * as calls from "./views/calls.js";
import * as carriers from "./views/carriers.js";
import * as live from "./views/live.js";
import * as messages from "./views/messages.js";
import * as people from "./views/people.js";
import * as recordings from "./views/recordings.js";
import * as registration from "./views/registration.js";
import * as replay from "./views/replay.js";

const VIEWS = { live, messages, people, carriers, registration, calls, recordings, replay };
const NOWHERE = {
  TITLE: "Nothing here",
  mount: (root) => {
    const ways = el("p", {}, el("a", { href: address("live") }, "Go to Live"));
    refill(root, head("Nothing here", "This address leads to no view."), el("div", { className: "card" }, empty("No such view", "It may have been mistyped, or be of another version."), el("div", { className: "card-body" }, ways)));
  },
};
const NEWEST = "/v1/messages?max=100";
const MISSED = "Some events were missed while disconnected.";
const STRANGER = "This token is not known here any more. Sign in again.";
const RENEW_MS = 250;
const CLOCK_RETRY_MS = 5000;
const TOAST_MS = 6000;
const MISSED_MS = 20_000; // nobody may have looked when the connection came back
const MAX_TOASTS = 4;

/** What every view gets: the API, what the stream has told, and ways to say and to go somewhere. */
class App {
  constructor() {
    this.api = new Api();
    this.store = new Store();
    this.world = new World(this.api);
    this.listeners = new Set();
    this.themeListeners = new Set();
    this.cache = new Map();
    this.stream = new Stream(this.api, (name, document) => this.take(name, document), (...state) => this.linked(...state));
    this.connected = false;
    this.lostOnce = false; // the next connection is one after a break
    this.missed = false; // of the break, not yet said
    this.renewing = null;
  }

  /** Forgets what another token, or another visit, has left; `newest` is the id of the newest text there is. */
  reset(newest = "") {
    this.store = new Store(undefined, newest);
    this.cache.clear();
    this.connected = this.lostOnce = this.missed = false;
    this.world.held = null;
    clearTimeout(this.renewing);
  }

  take(name, document) {
    this.store.take(name, document);
    if (name === "stream.lost" && document.data?.gap) this.miss();
    if (name === "clock.changed") this.world.refresh().then(showWorld);
    if (/^(person|number|brand|campaign|carrier)\./.test(name)) this.cache.clear();
    for (const listener of this.listeners) listener(name, document);
  }

  /** The stream's connection is up, waits for the next attempt, or is refused. */
  linked(state, words, waitMs = 0) {
    if (state === "on") {
      if (this.lostOnce) {
        if (!this.stream.lastEventId) this.miss(); // nothing to resume after: nobody can tell what was missed
        this.renewSoon();
      }
      this.connected = true;
      this.lostOnce = false;
    } else if (this.connected || waitMs > 0) {
      this.connected = false;
      this.lostOnce = true;
      this.world.hold();
    }
    showLink(state, words, this.lostOnce ? performance.now() + waitMs : null);
  }

  /** Events are gone that nobody will send again: what they would have told is asked for. */
  miss() {
    this.store.miss();
    this.missed = true;
    this.renewSoon();
  }

  renewSoon() {
    clearTimeout(this.renewing);
    this.renewing = setTimeout(() => this.renew(), RENEW_MS);
  }

  /** After a break: the clock, the listings, the newest texts and what the view shows, as they are now. */
  async renew() {
    this.cache.clear();
    if (this.missed) {
      this.missed = false;
      this.toast(MISSED, "wait", MISSED_MS);
      this.api.page(NEWEST).then(({ items: listed }) => {
        this.store.renew(listed.reverse());
        stay?.renew();
      }, () => {});
    }
    if (this.store.tally.gaps) this.recount();
    await this.world.refresh();
    showWorld();
    if (this.connected && this.world.held !== null) this.renewing = setTimeout(() => this.renew(), CLOCK_RETRY_MS);
    if (stay?.failed) show(true);
    else stay?.renew();
  }

  /** Has the API count the texts since the page was opened; a token that sees no texts has nothing to count. */
  recount() {
    const { tally } = this.store;
    const path = withQuery("/v1/totals", { after: tally.opened });
    return tally.recount(() => this.api.get(path)).catch(() => {});
  }

  /** A listing that changes seldom, fetched once; an empty list where the token may not see it. */
  list(path) {
    if (!this.cache.has(path)) {
      const listing = this.api.all(path).catch((refusal) => {
        this.cache.delete(path);
        if (refusal.status === 403 || refusal.status === 404) return [];
        throw refusal;
      });
      this.cache.set(path, listing);
    }
    return this.cache.get(path);
  }

  people() {
    return this.list("/v1/people");
  }

  /** Names of the carriers there are: mocks, or those the gateway binds to. */
  async carriers() {
    const links = await this.list("/v1/links");
    return links.length ? links.map((link) => link.carrier) : (await this.list("/v1/carriers")).map((one) => one.name);
  }

  go(view, id = "", query = {}) {
    location.hash = address(view, id, query);
  }

  /** Puts a place of the view into the address bar without leaving it; a view that is being left says nothing. */
  note(view, id = "", query = {}) {
    if (parse(location.hash).view !== view) return;
    history.replaceState(null, "", address(view, id, query));
  }

  toast(text, kind = "", ms = TOAST_MS) {
    const node = el("p", { className: "toast", dataset: { kind } }, text);
    const shown = byId("toasts");
    shown.append(node);
    while (shown.children.length > MAX_TOASTS) shown.firstElementChild.remove();
    setTimeout(() => node.remove(), ms);
  }

  /** Runs `work`, and says in a toast how it went. */
  async attempt(work, success = "") {
    try {
      const done = await work();
      if (success) this.toast(success, "good");
      return done ?? true;
    } catch (refusal) {
      this.toast(sentence(refusal), "bad");
      return null;
    }
  }
}

/** The life of one view: whatever it starts ends when the view is left. */
class Stay {
  constructor(app, place) {
    this.app = app;
    this.api = app.api;
    this.place = place;
    this.ending = new AbortController();
    this.ends = [];
    this.renewals = [];
    this.failed = false; // the view could not be shown
  }

  get signal() {
    return this.ending.signal;
  }

  get over() {
    return this.signal.aborted;
  }

  onEnd(run) {
    if (this.over) run(); // it was left while it loaded
    else this.ends.push(run);
  }

  /** Calls `run` after a break of the connection, to show what is true now. */
  onRenew(run) {
    this.renewals.push(run);
  }

  async renew() {
    for (const run of this.renewals) if (!this.over) await Promise.resolve(run()).catch(() => {});
  }

  /** Calls `run(name, document)` for every event of the stream. */
  listen(run) {
    this.app.listeners.add(run);
    this.onEnd(() => this.app.listeners.delete(run));
  }

  /** Runs `work` now and every `ms` while the page is looked at; a run that takes longer is not doubled. */
  every(ms, work) {
    let busy = false;
    const turn = async () => {
      if (busy || this.over || document.hidden) return;
      busy = true;
      try {
        await work();
      } finally {
        busy = false;
      }
    };
    const timer = setInterval(turn, ms);
    this.onEnd(() => clearInterval(timer));
    return turn();
  }

  end() {
    this.ending.abort();
    for (const run of this.ends) run();
  }
}

const app = new App();
let stay = null;
let shownBefore = false; // the first view leaves the focus where the browser put it

async function show(again = false) {
  const place = parse(location.hash);
  const name = Object.hasOwn(VIEWS, place.view) ? place.view : "";
  const moved = again || stay?.name !== name;
  if (!moved && stay.onPlace) return stay.onPlace(place);
  stay?.end();
  stay = Object.assign(new Stay(app, place), { name });
  const here = stay;
  const view = VIEWS[name] ?? NOWHERE;
  document.title = `${view.TITLE} · Texting gateway`;
  for (const link of byId("nav").querySelectorAll("a")) {
    if (link.getAttribute("href") === `#/${name}`) {
      link.setAttribute("aria-current", "page");
      const strip = byId("nav");
      strip.scrollLeft = link.offsetLeft - (strip.clientWidth - link.clientWidth) / 2;
    } else link.removeAttribute("aria-current");
  }
  const main = byId("main");
  const root = el("div", { className: "stack", dataset: { view: name } });
  refill(main, root);
  if (shownBefore && !again) main.focus({ preventScroll: true });
  shownBefore = true;
  if (!again) window.scrollTo(0, 0);
  try {
    await view.mount(root, here);
  } catch (refusal) {
    here.failed = true;
    if (!here.over) refill(root, failure(refusal, () => show(true)));
  }
}

let nextAttempt = null; // when the stream tries again, ms of performance.now(); null where nothing is lost

function showLink(state, words, attempt) {
  const link = byId("link");
  link.dataset.state = state;
  setText(link, words);
  const lost = attempt !== null && state !== "on";
  nextAttempt = lost && state === "wait" ? attempt : null;
  const adrift = byId("adrift");
  if (lost && adrift.hidden) setText(byId("adrift-since"), `The connection was lost at ${app.world.written()} UTC: what is shown is not current.`);
  adrift.hidden = !lost;
  byId("shell").dataset.adrift = String(lost);
  showWorld();
}

let shownDay = "";

function showWorld() {
  const { clock, held } = app.world;
  setText(byId("world-label"), ["World time, UTC", held !== null ? "not current" : clock ? pace(clock) : ""].filter(Boolean).join(" · "));
  setText(byId("world-time"), app.world.written());
  const seconds = nextAttempt === null ? 0 : Math.ceil((nextAttempt - performance.now()) / 1000);
  setText(byId("adrift-next"), seconds > 0 ? `Trying again in ${seconds} s.` : nextAttempt === null ? "" : "Trying again now.");
  const today = dayOf(app.world.time());
  if (today === shownDay) return;
  shownDay = today; // moments of what was today are written with their date now
  rewriteMoments(byId("main"));
}

/** Asks for a token, and says why if there was one. */
function showSignIn(why = "") {
  byId("shell").hidden = true;
  byId("sign-in").hidden = false;
  setText(byId("sign-in-result"), why);
  byId("sign-in-result").dataset.kind = "bad";
  byId("token").focus();
}

/** The token was good and is no more: the page closes, nothing of it stays. */
function signedOut() {
  if (byId("shell").hidden) return; // not in yet: whoever signs in is told by the form
  app.stream.stop();
  app.api.token = "";
  stay?.end();
  stay = null;
  refill(byId("main"));
  showSignIn(STRANGER);
}

async function enter() {
  const recent = await app.api.page(NEWEST).catch((refusal) => {
    if (refusal.status === 403) return { items: [] }; // a token that sees no texts may see recordings
    throw refusal; // anything else: the token is not good, or nobody answers
  });
  app.reset(recent.items[0]?.id);
  byId("sign-in").hidden = true;
  byId("shell").hidden = false;
  setText(byId("sign-in-result"), "");
  for (const message of recent.items.reverse()) app.store.remember(message);
  app.stream.start();
  app.recount();
  nameOrganization();
  await app.world.refresh();
  showWorld();
  await show();
}

async function nameOrganization() {
  const [people, organizations] = await Promise.all([
    app.people().catch(() => []),
    app.api.get("/v1/organizations").then(items, () => []),
  ]);
  const name = organizations.length === 1 ? organizations[0].name : `${organizations.length} organisations`;
  setText(byId("who"), people.length === 1 ? `${personName(people[0])} · ${name}` : organizations.length ? name : "");
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  app.api.token = byId("token").value.trim();
  try {
    await enter();
    byId("token").value = "";
  } catch (refusal) {
    app.api.token = "";
    showSignIn(refusal.status === 401 ? "This token is not known here." : sentence(refusal));
  }
});

byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // a hash is an address here
  byId("main").focus();
});

byId("sign-out").addEventListener("click", () => {
  app.stream.stop();
  app.api.token = "";
  location.hash = "";
  location.reload();
});

setUpTheme(byId("theme"), byId("theme-name"), () => {
  for (const listener of app.themeListeners) listener();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const listener of app.themeListeners) listener();
});
window.addEventListener("hashchange", () => {
  if (!byId("shell").hidden) show();
});
setInterval(onFrame(showWorld), 1000);

app.api.onStranger = signedOut;
followWorld(() => app.world.time());

async function comeBack() {
  try {
    await enter();
  } catch (refusal) {
    const { token } = app.api;
    app.api.token = "";
    if (refusal.status !== 401) byId("token").value = token; // it may be good: signing in tries again
    showSignIn(refusal.status === 401 ? STRANGER : sentence(refusal));
  }
}

if (app.api.token) comeBack();
else showSignIn();
