// The page: sign in, then show one view at a time and keep what happens at hand.

import { Api, items } from "./api.js";
import { byId, el, onFrame, refill, setText } from "./dom.js";
import { personName } from "./format.js";
import { failure, sentence } from "./parts.js";
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
const TOAST_MS = 6000;
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
    this.stream = new Stream(this.api, (name, document) => this.take(name, document), showLink);
  }

  take(name, document) {
    this.store.take(name, document);
    if (name === "clock.changed") this.world.refresh().then(showWorld);
    if (/^(person|number|brand|campaign|carrier)\./.test(name)) this.cache.clear();
    for (const listener of this.listeners) listener(name, document);
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

  /** Puts a place into the address bar without leaving the view. */
  note(view, id = "", query = {}) {
    history.replaceState(null, "", address(view, id, query));
  }

  toast(text, kind = "") {
    const node = el("p", { className: "toast", dataset: { kind } }, text);
    const shown = byId("toasts");
    shown.append(node);
    while (shown.children.length > MAX_TOASTS) shown.firstElementChild.remove();
    setTimeout(() => node.remove(), TOAST_MS);
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
  }

  get signal() {
    return this.ending.signal;
  }

  get over() {
    return this.signal.aborted;
  }

  onEnd(run) {
    this.ends.push(run);
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

async function show() {
  const place = parse(location.hash);
  const name = VIEWS[place.view] ? place.view : "live";
  const moved = stay?.name !== name;
  if (!moved && stay.onPlace) return stay.onPlace(place);
  stay?.end();
  stay = Object.assign(new Stay(app, place), { name });
  const here = stay;
  const view = VIEWS[name];
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
  if (shownBefore) main.focus({ preventScroll: true });
  shownBefore = true;
  window.scrollTo(0, 0);
  try {
    await view.mount(root, here);
  } catch (refusal) {
    if (!here.over) refill(root, failure(refusal, () => { here.name = ""; show(); }));
  }
}

function showLink(state, words) {
  const link = byId("link");
  link.dataset.state = state;
  setText(link, words);
}

function showWorld() {
  const { clock } = app.world;
  setText(byId("world-label"), clock && pace(clock) ? `World time · ${pace(clock)}` : "World time");
  setText(byId("world-time"), app.world.written());
}

function showSignIn() {
  byId("shell").hidden = true;
  byId("sign-in").hidden = false;
  byId("token").focus();
}

async function enter() {
  const recent = await app.api.page("/v1/messages?max=100").catch((refusal) => {
    if (refusal.status === 403) return { items: [] }; // a token that sees no texts may see recordings
    throw refusal; // anything else: the token is not good, or nobody answers
  });
  byId("sign-in").hidden = true;
  byId("shell").hidden = false;
  for (const message of recent.items.reverse()) app.store.remember(message);
  app.stream.start();
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
    setText(byId("sign-in-result"), refusal.status === 401 ? "This token is not known here." : sentence(refusal));
    byId("sign-in-result").dataset.kind = "bad";
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

if (app.api.token) enter().catch(showSignIn);
else showSignIn();
