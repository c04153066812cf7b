// The connection, the clock, and who shows what.

import { clock, place, range, say, seconds, set, size, span, keyed, make } from "./format.js";
import { showEvents, showHealth, showLeftOut, showSites, showStations } from "./lists.js";
import { WorldMap } from "./map.js";
import { Waves } from "./waves.js";

const QUIET_MS = 15000; // without a word the connection is made anew
const STALE_S = 5; // a state older than this is said to be
const AHEAD_S = 3; // so far the clock runs on by itself
const FRAME_MS = 100;
const BANNER_S = 120; // an event that is over leaves the banner so long after its origin

const find = (id) => document.getElementById(id);
const map = new WorldMap(find("map"));
const waves = new Waves(find("waves"));
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

let state = null;
let received = 0; // by performance.now(), when the state came
let heard = 0;
let age = 0; // of the state, when it was last heard of, s
let connection = "waiting";
let stream = null;
let told = null; // newest version of each event that has been said aloud

function now() {
  if (state === null) return null;
  const since = Math.min((performance.now() - received) / 1000, AHEAD_S);
  return state.clock_s + (state.pace === null || !state.is_alive ? 0 : since * state.pace);
}

function connect() {
  if (stream) stream.close();
  stream = new EventSource("/api/events");
  heard = performance.now();
  stream.addEventListener("open", () => { heard = performance.now(); });
  stream.addEventListener("state", (event) => {
    connection = "live";
    received = heard = performance.now();
    age = 0;
    state = JSON.parse(event.data);
    show();
  });
  stream.addEventListener("heartbeat", (event) => {
    connection = "live";
    heard = performance.now();
    age = JSON.parse(event.data).age_s ?? 0;
  });
  stream.addEventListener("end", () => {
    connection = "ended";
    stream.close();
    heard = performance.now();
  });
  stream.addEventListener("error", () => {
    if (connection !== "ended") connection = "lost";
  });
}

function watch() {
  const silent = performance.now() - heard > QUIET_MS;
  const closed = stream.readyState === EventSource.CLOSED;
  if (silent || (closed && performance.now() - heard > 5000)) connect();
}

function status() {
  const behind = state && state.data_s !== null ? state.clock_s - state.data_s : null;
  const old = Math.max(age, (performance.now() - received) / 1000);
  if (connection === "ended" || (state && !state.is_alive)) return ["broken", "monitor has ended"];
  if (connection === "lost") return ["broken", "no connection, trying again"];
  if (connection === "waiting") return ["waiting", "connecting"];
  if (state === null) return ["waiting", "nothing has been read yet"];
  if (old > STALE_S) return ["waiting", `no news for ${span(old)}`];
  if (behind === null) return ["waiting", "waiting for data"];
  return behind > STALE_S ? ["waiting", `${span(behind)} behind`] : ["live", "live"];
}

function tick() {
  const [kind, words] = status();
  if (kind === "broken" && !find("link").classList.contains("broken")) say(find("news"), words);
  set(find("link"), { class: `pill ${kind}` });
  say(find("link"), words);
  if (state === null) return;
  const time = now();
  if (time === null) return;
  say(find("clock"), `${clock(time)} UTC`);
  set(find("clock"), { datetime: new Date(time * 1000).toISOString() });
  banner(time);
  showSites(find("sites"), state.sites, time);
}

function animate() {
  if (state !== null && !still.matches) map.fronts(state, now());
}

function banner(time) {
  const shown = state.events.filter((event) => {
    const last = event.versions.at(-1);
    return last.status !== "retracted" && (event.is_open || time - last.origin_s < BANNER_S) && time - last.origin_s < 600;
  });
  find("banner").hidden = shown.length === 0;
  keyed(find("banner-list"), shown, (event) => event.event_id,
    () => make("li", {}, make("strong"), make("span", { class: "figures" }), make("span", { class: "figures" })),
    (row, event) => {
      const last = event.versions.at(-1), spread = range(last.magnitude);
      set(row, { class: event.is_open ? "open" : "over" });
      say(row.children[0], `${size(last.magnitude)}${spread ? ` (${spread})` : ""}`);
      say(row.children[1], `${place(last.latitude_deg, last.longitude_deg)}, ${last.depth_km.toFixed(0)} km deep`);
      say(row.children[2], `origin ${clock(last.origin_s)}, ${span(Math.max(time - last.origin_s, 0))} ago`);
    });
}

function announce() {
  const newest = new Map(state.events.map((event) => [event.event_id, event.versions.at(-1)]));
  if (told !== null) {
    for (const [id, last] of newest) {
      const before = told.get(id);
      const where = place(last.latitude_deg, last.longitude_deg, 1);
      if (!before && last.status !== "retracted") say(find("news"), `Earthquake, ${size(last.magnitude)}, ${where}`);
      else if (before && before.status !== last.status && last.status === "retracted") say(find("news"), `Withdrawn: earthquake at ${where}`);
    }
  }
  told = newest;
}

function show() {
  const { producer, health } = state;
  say(find("name"), producer.monitor);
  document.title = `${state.events.some((event) => event.is_open) ? "● " : ""}${producer.monitor}, fcn`;
  find("simulated").hidden = !producer.is_simulated;
  find("sites-panel").hidden = find("site-legend").hidden = state.sites.length === 0;
  map.show(state);
  map.fronts(state, now());
  waves.show(state);
  showEvents(find("events"), find("events-note"), state);
  showStations(find("stations"), find("stations-note"), state);
  showLeftOut(find("left-out"), health.left_out);
  showHealth(find("health"), find("counts"), find("sinks"), state);
  say(find("producer"), `checkpoint ${producer.checkpoint_digest}, configuration ${producer.config_digest}, running for ${span(state.made_s - health.since_s)}.`);
  announce();
  tick();
}

const THEMES = ["auto", "light", "dark"];

function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  say(find("theme"), { auto: "Auto", light: "Light", dark: "Dark" }[name]);
  set(find("theme"), { "aria-label": name === "auto" ? "Colours: auto, as the system has them" : `Colours: ${name}` });
  if (state !== null) waves.show(state);
}

function remembered() {
  try {
    const asked = new URLSearchParams(location.search).get("theme");
    const name = asked ?? localStorage.getItem("theme");
    return THEMES.includes(name) ? name : "auto";
  } catch {
    return "auto";
  }
}

let chosen = remembered();
theme(chosen);
find("theme").addEventListener("click", () => {
  chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
  try { localStorage.setItem("theme", chosen); } catch { /* a browser that keeps nothing */ }
  theme(chosen);
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (state !== null) waves.show(state); });
find("zoom-in").addEventListener("click", () => map.zoom(1.4));
find("zoom-out").addEventListener("click", () => map.zoom(1 / 1.4));
find("fit").addEventListener("click", () => map.fit());
window.addEventListener("resize", () => { if (state !== null) { map.show(state); map.fronts(state, now()); waves.show(state); } });

connect();
setInterval(watch, 1000);
setInterval(tick, 500);
setInterval(animate, FRAME_MS);
