// How the page writes numbers, moments and names.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
// Every moment is written as the world's clock has it, in UTC, whatever the viewer's zone; the rail says so.
const zoned = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const clock = zoned({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = zoned({ day: "numeric", month: "short" });
const dayOfYear = zoned({ day: "numeric", month: "short", year: "numeric" });

let worldTime = () => Date.now();
/** Tells what the world's time is, in milliseconds: moments of another day than its are written with their date. */
export const followWorld = (time) => {
  worldTime = time;
};

/** The day of a moment in UTC, "2026-11-22"; today's without one. */
export const dayOf = (ms = worldTime()) => new Date(ms).toISOString().slice(0, 10);

export const count = (value) => whole.format(value ?? 0);
/** "0.4", "12", "1,850": one decimal below ten. */
export const rate = (value) => (value < 10 ? short : whole).format(value < 10 ? value : Math.round(value));

const moment = (iso) => {
  const date = new Date(iso);
  return iso && !Number.isNaN(date.getTime()) ? date : null;
};

/** "22 Nov", with the year where it is not the world's; it breaks in no line. */
const dated = (at) => (dayOf(at.getTime()).slice(0, 4) === dayOf().slice(0, 4) ? day : dayOfYear).format(at).replaceAll(" ", "\u00a0");
const onDay = (at, time) => (dayOf(at.getTime()) === dayOf() ? time : `${dated(at)}, ${time}`);

/** Time of day of an ISO moment, with the date where it is not the world's today; empty for what is none. */
export const timeOfDay = (iso) => (moment(iso) ? onDay(moment(iso), clock.format(moment(iso))) : "");
/** Time of day with milliseconds. */
export const preciseTime = (iso) =>
  moment(iso) ? onDay(moment(iso), `${clock.format(moment(iso))}.${String(moment(iso).getUTCMilliseconds()).padStart(3, "0")}`) : "";
/** Date and time of an ISO moment. */
export const dateTime = (iso) => (moment(iso) ? `${dated(moment(iso))}, ${clock.format(moment(iso))}` : "");

const STEPS = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];

/** Seconds in the two largest units: "2 d 4 h", "3 min 20 s", "0.4 s". */
export function duration(seconds) {
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds < 10) return `${short.format(seconds)} s`;
  const parts = [];
  let left = Math.round(seconds);
  for (const [unit, size] of STEPS) {
    const number = Math.floor(left / size);
    if (number > 0 && parts.length < 2) parts.push(`${number} ${unit}`);
    else if (parts.length) break;
    left -= number * size;
  }
  return parts.join(" ");
}

/** Milliseconds as a player shows them: "1:04.5". */
export function playTime(ms) {
  const tenths = Math.floor(ms / 100);
  const seconds = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${seconds}.${tenths % 10}`;
}

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  const [size, unit] = value < 1024 ** 2 ? [value / 1024, "KiB"] : value < 1024 ** 3 ? [value / 1024 ** 2, "MiB"] : [value / 1024 ** 3, "GiB"];
  return `${size < 10 ? short.format(size) : whole.format(Math.round(size))} ${unit}`;
}

/** A number of the North American plan in groups, any other as it is. */
export function phone(number) {
  const parts = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number ?? "");
  return parts ? `+1 ${parts[1]} ${parts[2]} ${parts[3]}` : (number ?? "");
}

/**
 * A number as people write it, in E.164: "(310) 555-0120", "1 310 555 0120" and "+13105550120" are the same.
 * Empty for nothing; null for what is no whole number.
 */
export function numberOf(text) {
  const bare = text.replace(/[\s().\-–/]/g, "");
  if (!bare) return "";
  const [, sign, digits] = /^(\+|011|00)?(\d+)$/.exec(bare) ?? [];
  if (!digits || digits.length > 15) return null;
  if (sign) return digits.length >= 7 ? `+${digits}` : null;
  if (digits.length === 10) return `+1${digits}`;
  return digits.length > 10 ? `+${digits}` : null;
}

const CARRIERS = {
  tmobile: "T-Mobile", att: "AT&T", verizon: "Verizon", uscellular: "US Cellular", bell: "Bell", rogers: "Rogers", telus: "Telus",
};

export const carrierName = (name) => CARRIERS[name] ?? name ?? "";

/** What a phone’s recording icon says, in words. */
export const RECORD_ICONS = { none: "not recorded", recording: "recording", paused: "paused" };

/** "releaseAt", "brand_day" and "NON_PROFIT" → "release at", "brand day", "non profit". */
export const words = (name) => (/[a-z]/.test(name) ? name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`) : name.toLowerCase()).replaceAll("_", " ");
export const sentenceCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A person's name. */
export const personName = (person) => [person.firstName, person.lastName].filter(Boolean).join(" ") || person.id;
export const initials = (name) => name.split(/\s+/).map((part) => part[0] ?? "").slice(0, 2).join("").toUpperCase();

/** A state of the API's words and how it is coloured: "good", "busy", "wait", "bad" or "other". */
export function tone(state) {
  if (["delivered", "received", "bound", "confirmed", "approved", "sealed", "done"].includes(state)) return "good";
  if (["submitted", "recording", "running", "connecting", "unbinding"].includes(state)) return "busy";
  if (["undeliverable", "expired", "rejected", "unknown", "deleted", "refused", "failed", "prevet_failed", "stopped"].includes(state)) return "bad";
  return "wait";
}
