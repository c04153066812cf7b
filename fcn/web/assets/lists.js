// Events with their versions, sites, stations, health.

import { cells, clock, day, keyed, make, place, range, say, seconds, set, size } from "./format.js";

const COLUMNS = ["Version", "Status", "Data until", "M", "Range", "Place", "Depth", "± km", "Real", "Late + took"];

export function showEvents(parent, note, state) {
  say(note, state.events.length ? `newest first; ${state.events.length} shown` : "");
  const empty = parent.querySelector(":scope > .empty");
  if (state.events.length === 0) {
    if (!empty) parent.replaceChildren(make("p", { class: "empty" }, "Nothing has been declared since the monitor began."));
    return;
  }
  if (empty) empty.remove();
  keyed(parent, state.events, (event) => event.event_id, createEvent, updateEvent);
}

function createEvent() {
  const head = make("tr", {}, ...COLUMNS.map((name) => make("th", { scope: "col" }, name)));
  const table = make("table", { class: "versions" }, make("thead", {}, head), make("tbody"));
  return make("details", {},
    make("summary", {}, make("span", { class: "chip" }), make("span", { class: "size" }), make("span", { class: "figures" }),
      make("span", { class: "where" })),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Versions" }, table));
}

function updateEvent(element, event) {
  const last = event.versions.at(-1);
  const [chip, magnitude, time, where] = element.firstElementChild.children;
  set(element, { class: last.status === "retracted" ? "retracted-event" : "event" });
  set(chip, { class: `chip ${last.status}` });
  say(chip, last.status);
  const spread = range(last.magnitude);
  say(magnitude, `${size(last.magnitude)}${spread ? ` (${spread})` : ""}`);
  say(time, clock(last.origin_s));
  const alarm = last.first_p_s === null ? "" : `, alarm ${(event.alarm_s - last.first_p_s).toFixed(1)} s after the first P`;
  const bound = last.magnitude && last.magnitude.is_lower_bound ? ", magnitude is a lower bound" : "";
  say(where, `${day(last.origin_s)}, version ${last.version}, ${place(last.latitude_deg, last.longitude_deg)}, ${last.depth_km.toFixed(0)} km deep${alarm}${bound}`);
  const body = element.querySelector("tbody");
  keyed(body, [...event.versions].reverse(), (each) => each.version, () => make("tr"), (row, each) => {
    const { magnitude: found } = each;
    const took = each.data_latency_s === null ? "-" : `${each.data_latency_s.toFixed(1)} + ${each.computation_s.toFixed(1)} s`;
    cells(row, [
      String(each.version), { text: each.status, kind: `chip ${each.status}` }, clock(each.data_s, 2), size(found), range(found),
      place(each.latitude_deg, each.longitude_deg, 3), `${each.depth_km.toFixed(1)} km`,
      each.horizontal_uncertainty_km === null ? "-" : each.horizontal_uncertainty_km.toFixed(1), each.probability.toFixed(2), took,
    ]);
  });
}

export function showSites(body, sites, time) {
  keyed(body, sites, (site) => site.name, () => make("tr"), (row, site) => {
    const told = site.warning;
    if (told === null) {
      cells(row, [site.name, { text: "-", kind: "number" }, { text: "", kind: "number" }, { text: "", kind: "number" }]);
      return;
    }
    const left = told.s_arrival_s === null ? null : told.s_arrival_s - time;
    const coming = left !== null && left > 0;
    cells(row, [
      site.name,
      { text: `${told.is_lower_bound ? "≥ " : ""}${told.intensity.toFixed(1)}`, kind: "number" },
      { text: told.low === null ? "-" : `${told.low.toFixed(1)} to ${told.high.toFixed(1)}`, kind: "number" },
      { text: left === null ? "-" : coming ? `${Math.ceil(left)} s` : "S is through", kind: coming ? "number countdown" : "number" },
    ]);
  });
}

export function showStations(body, note, state) {
  const counted = (kind) => state.stations.filter((station) => station.state === kind).length;
  say(note, `${counted("delivering")} delivering, ${counted("late")} late, ${counted("silent")} silent`);
  const rows = state.stations.map((station, i) => ({ ...station, largest: state.traces.largest_mps[i] * 1e6 }));
  keyed(body, rows, (station) => station.id, () => make("tr"), (row, station) => {
    const chip = { delivering: "good", late: "late", silent: "silent" }[station.state];
    cells(row, [
      station.id, { text: station.state, kind: `chip ${chip}` },
      { text: station.age_s === null ? "-" : seconds(station.age_s), kind: "number" },
      { text: station.largest === 0 ? "-" : station.largest < 10 ? station.largest.toPrecision(2) : station.largest.toFixed(0), kind: "number" },
    ]);
  });
}

export function showLeftOut(list, found) {
  const names = Object.keys(found).sort();
  list.hidden = names.length === 0;
  keyed(list, names, (name) => name, () => make("li"), (element, name) => say(element, `${name} left out: ${found[name]}`));
}

export function showHealth(list, counts, sinks, state) {
  const { health } = state;
  const heard = state.stations.filter((station) => station.state !== "silent");
  const ages = heard.map((station) => station.age_s).sort((a, b) => a - b);
  pairs(list, [
    ["Stations heard", `${heard.length} of ${state.stations.length}`],
    ["Data late, median", ages.length ? seconds(ages[Math.floor(ages.length / 2)]) : "-"],
    ["Data late, worst", ages.length ? seconds(ages.at(-1)) : "-"],
    ["Newest window", state.data_s === null ? "-" : `${clock(state.data_s, 2)}, ${seconds(Math.max(state.clock_s - state.data_s, 0))} ago`],
    ["Windows read", String(health.n_windows)],
    ["Each took", health.window_ms === null ? "-" : `${health.window_ms.toFixed(0)} ms`],
    ["Events open", String(state.events.filter((event) => event.is_open).length)],
  ]);
  const found = Object.entries(health.counts).sort();
  pairs(counts, found.length ? found.map(([name, n]) => [name, String(n)]) : [["nothing lost, late or refused", ""]]);
  keyed(sinks, Object.entries(health.sinks), ([name]) => name, () => make("tr"), (row, [name, each]) => {
    const number = (n) => ({ text: String(n), kind: "number" });
    cells(row, [
      name, { text: each.is_up ? "up" : "down", kind: each.is_up ? "chip good" : "chip down" }, number(each.delivered),
      number(each.waiting), number(each.superseded + each.left), number(each.failed + each.refused),
    ]);
  });
}

function pairs(list, rows) {
  keyed(list, rows.flatMap(([name, value]) => [["dt", name, name], ["dd", name, value]]), ([tag, name]) => `${tag} ${name}`,
    ([tag]) => make(tag), (element, [, , text]) => say(element, text));
}
