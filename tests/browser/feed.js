// A stand-in for the browser's WebSocket: `window.play` puts frames of the stream through the page's own code.
window.WebSocket = class {
  constructor() {
    window.feed = this;
    setTimeout(() => this.onopen?.(), 10);
  }

  close() {}

  /** The gateway says one event's document. */
  tell(document) {
    this.onmessage({ data: JSON.stringify(document) });
  }
};

const NAMES = ["message.accepted", "message.queued", "message.submitted", "message.delivered"];
const STATES = ["accepted", "queued", "submitted", "delivered"];
const CARRIERS = ["tmobile", "att", "verizon", "uscellular", "bell", "rogers", "telus"];

function documentOf(number) {
  const moment = new Date(1e12 + number).toISOString();
  const data = {
    id: `text${number - (number % 4)}`,
    direction: "outbound",
    state: STATES[number % 4],
    from: "+12025550100",
    to: `+1310555${String(number % 10_000).padStart(4, "0")}`,
    text: `Your appointment number ${number} is tomorrow`,
    segments: 1,
    encoding: "gsm7",
    carrier: CARRIERS[number % 7],
    releaseAt: moment,
    created: moment,
    updated: moment,
    organizationId: "acme-dental",
    personId: "alice",
  };
  return JSON.stringify({ id: `x-${number}`, event: NAMES[number % 4], created: moment, data });
}

/** As many events of each frame as fit `maxBytes`, the rest told as lost: what the server does with them. */
window.play = (frames, eventsPerFrame, maxBytes, first) => {
  let number = first;
  for (let frame = 0; frame < frames; frame += 1) {
    let room = maxBytes;
    let told = 0;
    for (; told < eventsPerFrame; told += 1, number += 1) {
      const data = documentOf(number);
      room -= data.length + 80;
      if (room < 0) break;
      window.feed.onmessage({ data });
    }
    const each = Math.floor((eventsPerFrame - told) / 4);
    if (!each) continue;
    const events = Object.fromEntries(NAMES.map((name) => [name, each]));
    window.feed.tell({ event: "stream.lost", data: { count: each * 4, events, gap: false } });
  }
  return number;
};

/** Feeds frames at their pace for `ms` and measures: time between animation frames, and work for each of the feed's. */
window.measure = async (perSecond, eventsPerFrame, maxBytes, ms) => {
  const [frames, work] = [[], []];
  let number = 0;
  const timer = setInterval(() => {
    const began = performance.now();
    number = window.play(1, eventsPerFrame, maxBytes, number);
    work.push(performance.now() - began);
  }, 1000 / perSecond);
  await new Promise((done) => {
    const began = performance.now();
    let last = began;
    const step = (now) => {
      frames.push(now - last);
      last = now;
      if (now - began > ms) done();
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  clearInterval(timer);
  const at = (list, share) => [...list].sort((a, b) => a - b)[Math.floor(list.length * share)];
  return { frames: frames.length, median: at(frames, 0.5), p95: at(frames, 0.95), work: at(work, 0.5), worst: at(work, 0.99) };
};
