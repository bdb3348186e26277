// The page: sign in, then show what happens and let people try it.

import { Api, items } from "./api.js";
import { byId, onFrame, say } from "./dom.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { setUpTheme } from "./theme.js";
import { Forms } from "./views/forms.js";
import { LiveView } from "./views/live.js";
import { StoryView } from "./views/story.js";
import { World } from "./world.js";

const api = new Api();
const store = new Store();
const story = new StoryView(api);
const live = new LiveView(store, (id) => story.open(id));
const forms = new Forms(api, store);
const world = new World(api);
const draw = onFrame(() => live.draw());
const stream = new Stream(api, take, showLink);

function take(name, document) {
  store.take(name, document);
  if (name === "clock.changed") world.refresh();
  if (name.startsWith("carrier.")) refreshCarriers();
  draw();
}

let carriersTimer = null;

/** Asks for the carriers once, shortly after the last of several binds moved. */
function refreshCarriers() {
  clearTimeout(carriersTimer);
  carriersTimer = setTimeout(() => forms.loadCarriers().then(draw), 300);
}

function showLink(state, sentence) {
  const link = byId("link");
  link.dataset.state = state;
  link.textContent = sentence;
}

function showSignIn(shown) {
  byId("sign-in").hidden = !shown;
  byId("live").hidden = shown;
  byId("sign-out").hidden = shown;
  if (shown) byId("token").focus();
}

async function enter() {
  const recent = items(await api.get("/v1/messages?max=100")); // also tells whether the token is good
  showSignIn(false);
  for (const message of recent.reverse()) store.remember(message);
  stream.start();
  await Promise.all([forms.load(), world.refresh()]);
  draw();
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  api.token = byId("token").value.trim();
  try {
    await enter();
    byId("token").value = "";
  } catch (refusal) {
    api.token = "";
    say(byId("sign-in-result"), refusal.sentence?.() ?? "the gateway cannot be reached", "bad");
  }
});

byId("sign-out").addEventListener("click", () => {
  stream.stop();
  api.token = "";
  location.reload();
});

setUpTheme(byId("theme"));
setInterval(() => {
  if (byId("live").hidden) return;
  live.drawNumbers();
  world.draw();
}, 1000);
setInterval(() => {
  if (!byId("live").hidden && !document.hidden) refreshCarriers();
}, 5000);

if (api.token) enter().catch(() => showSignIn(true));
else showSignIn(true);
