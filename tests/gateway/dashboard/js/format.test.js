import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, carrierName, dateTime, dayOf, duration, followWorld, initials, numberOf, personName, phone, playTime, preciseTime, rate, timeOfDay, tone, words } from "./js/format.js";

test("odd moments are blank", () => {
  assert.equal(timeOfDay("never"), "");
  assert.equal(timeOfDay(null), "");
});

test("names are words", () => {
  assert.deepEqual(["releaseAt", "brand_day", "NON_PROFIT", "VETTED_VERIFIED"].map(words), ["release at", "brand day", "non profit", "vetted verified"]);
});

test("durations are told in their two largest units", () => {
  assert.deepEqual([0.42, 9.96, 75, 3600, 90_061, 2_419_200, -3].map(duration), ["0.4 s", "10 s", "1 min 15 s", "1 h", "1 d 1 h", "28 d", "−3 s"]);
});

test("a player's time", () => {
  assert.deepEqual([0, 1520, 61_040, 3_600_000].map(playTime), ["0:00.0", "0:01.5", "1:01.0", "60:00.0"]);
});

test("sizes and rates", () => {
  assert.deepEqual([12, 2048, 97_268, 5 * 2 ** 20, 3 * 2 ** 30].map(bytes), ["12 B", "2 KiB", "95 KiB", "5 MiB", "3 GiB"]);
  assert.deepEqual([0, 0.44, 9.96, 1850.4].map(rate), ["0", "0.4", "10", "1,850"]);
});

test("numbers of the North American plan are grouped, others left alone", () => {
  assert.equal(phone("+13105550120"), "+1 310 555 0120");
  assert.equal(phone("+442071838750"), "+442071838750");
  assert.equal(phone(undefined), "");
});

test("people and carriers have names", () => {
  assert.equal(personName({ id: "a", firstName: "Alice", lastName: "Archer" }), "Alice Archer");
  assert.equal(personName({ id: "frank" }), "frank");
  assert.equal(initials("Alice Archer"), "AA");
  assert.deepEqual([carrierName("att"), carrierName("mine"), carrierName(null)], ["AT&T", "mine", ""]);
});

test("every state has a tone", () => {
  for (const state of ["accepted", "queued", "paused", "suspended"]) assert.equal(tone(state), "wait");
  for (const state of ["delivered", "received", "confirmed", "sealed"]) assert.equal(tone(state), "good");
  for (const state of ["undeliverable", "expired", "rejected", "unknown", "deleted"]) assert.equal(tone(state), "bad");
});

test("moments are written in UTC, with the date where it is not the world's today", () => {
  followWorld(() => Date.parse("2026-11-22T12:00:00Z"));
  assert.equal(dayOf(), "2026-11-22");
  assert.equal(timeOfDay("2026-11-22T23:59:59.000Z"), "23:59:59");
  assert.equal(timeOfDay("2026-11-23T00:00:00.000Z"), "23\u00a0Nov, 00:00:00");
  assert.equal(timeOfDay("2025-11-22T12:00:00.000Z"), "22\u00a0Nov\u00a02025, 12:00:00");
  assert.equal(preciseTime("2026-11-22T01:02:03.045Z"), "01:02:03.045");
  assert.equal(dateTime("2026-11-22T01:02:03.045Z"), "22\u00a0Nov, 01:02:03");
  followWorld(() => Date.parse("2026-12-20T12:00:00Z"));
  assert.equal(timeOfDay("2026-11-22T23:59:59.000Z"), "22\u00a0Nov, 23:59:59");
});

test("numbers are understood as people write them", () => {
  for (const written of ["(310) 555-0120", "310.555.0120", "1 310 555 0120", "+1 (310) 555-0120", "011 1 310 555 0120"]) assert.equal(numberOf(written), "+13105550120", written);
  assert.equal(numberOf("+44 20 7183 8750"), "+442071838750");
  assert.equal(numberOf("  "), "");
  for (const partial of ["0120", "555-0120", "+1310", "abc", "+", "1".repeat(16)]) assert.equal(numberOf(partial), null, partial);
});
