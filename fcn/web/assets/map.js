// Stations, sites and earthquakes in the monitor's local frame (km east and north), with a graticule.

import { draw, place, set, size } from "./format.js";

const STATION = "M0-7 7 6H-7z", CROSS = "M-5-5 5 5M5-5-5 5", STAR = "M0-9 2.4-3 8.6-2.8 3.8 1.1 5.3 7.3 0 3.8-5.3 7.3-3.8 1.1-8.6-2.8-2.4-3z";
const SQUARE = "M-5-5H5V5H-5z", DIAMOND = "M0-6 6 0 0 6-6 0z";
const WITHIN_90 = Math.sqrt(2 * Math.log(10)); // standard deviations to the edge of 90 %, of a normal distribution in a plane
const LEAST_KM = 10;
const STEPS_DEG = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];
const STEPS_KM = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const SHOWN_S = 3600; // epicentres stay on the map so long

export class WorldMap {
  constructor(svg) {
    this.svg = svg;
    this.layers = {};
    for (const name of ["grid", "pdf", "fronts", "sites", "stations", "estimates", "epicentres", "frame"]) {
      this.layers[name] = svg.appendChild(draw("g", { class: `layer-${name}` }));
    }
    const shade = draw("radialGradient", { id: "pdf" });
    for (const [offset, kind] of [[0, "pdf-near"], [0.45, "pdf-mid"], [1, "pdf-far"]]) {
      shade.append(draw("stop", { offset, class: kind }));
    }
    svg.append(shade);
    this.view = null; // centre east, north, and half of the height, km; null: all
    this.state = null;
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("pointerdown", (event) => this.drag(event));
  }

  fit() {
    this.view = null;
    this.redraw();
  }

  zoom(factor) {
    if (this.state === null) return;
    this.view ??= this.whole();
    this.view = { ...this.view, half: Math.min(Math.max(this.view.half / factor, 1), 2000) };
    this.redraw();
  }

  move(east, north) {
    if (this.state === null) return;
    this.view ??= this.whole();
    this.view = { ...this.view, east: this.view.east + east, north: this.view.north + north };
    this.redraw();
  }

  key(event) {
    const step = (this.view ?? (this.state && this.whole()) ?? { half: 0 }).half / 4;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this.move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }

  drag(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    let { clientX: x, clientY: y } = event;
    const go = (moved) => {
      this.move(-(moved.clientX - x) / this.scale, (moved.clientY - y) / this.scale);
      ({ clientX: x, clientY: y } = moved);
    };
    const stop = () => {
      window.removeEventListener("pointermove", go);
      window.removeEventListener("pointerup", stop);
    };
    window.addEventListener("pointermove", go);
    window.addEventListener("pointerup", stop);
  }

  // All stations and sites, and what is open, with a margin.
  whole() {
    const { stations, sites, events } = this.state;
    const near = events.filter((event) => event.is_open);
    const all = [...stations, ...sites, ...near];
    const east = all.map((each) => each.east_km), north = all.map((each) => each.north_km);
    const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
    const across = (values) => (Math.max(...values) - Math.min(...values)) / 2;
    const aspect = this.width / this.height;
    const half = Math.max(across(north), across(east) / aspect, LEAST_KM) * 1.25;
    return { east: middle(east), north: middle(north), half };
  }

  redraw() {
    if (this.state !== null) {
      this.show(this.state);
      this.fronts(this.state, this.time);
    }
  }

  x(east) { return this.width / 2 + (east - this.shown.east) * this.scale; }
  y(north) { return this.height / 2 - (north - this.shown.north) * this.scale; }

  show(state) {
    this.state = state;
    this.width = this.svg.clientWidth || 360;
    this.height = this.svg.clientHeight || 360;
    set(this.svg, { viewBox: `0 0 ${this.width} ${this.height}` });
    this.shown = this.view ?? this.whole();
    this.scale = this.height / 2 / this.shown.half;
    this.graticule(state.centre);
    this.stations(state);
    this.sites(state);
    this.events(state);
    const open = state.events.filter((event) => event.is_open);
    const heard = state.stations.filter((station) => station.state === "delivering").length;
    set(this.svg, { "aria-label": `Map: ${heard} of ${state.stations.length} stations deliver, ${open.length} earthquakes in progress${open.map((event) => `, ${size(event.versions.at(-1).magnitude)} at ${place(event.versions.at(-1).latitude_deg, event.versions.at(-1).longitude_deg)}`).join("")}. Arrow keys move it, plus and minus zoom, 0 shows all.` });
  }

  graticule(centre) {
    const layer = this.layers.grid, frame = this.layers.frame;
    layer.replaceChildren();
    frame.replaceChildren();
    const km = projection(centre);
    const halfEast = this.width / 2 / this.scale, { half, east, north } = this.shown;
    const [south, west] = km.inverse(east - halfEast, north - half), [top, right] = km.inverse(east + halfEast, north + half);
    const wide = STEPS_DEG.find((each) => (right - west) / each <= Math.max(this.width / 90, 2)) ?? 30;
    const digits = wide < 0.1 ? 2 : wide < 1 ? 1 : 0;
    const line = (points) => layer.append(draw("polyline", { class: "grid", points: points.map(([e, n]) => `${this.x(e).toFixed(1)},${this.y(n).toFixed(1)}`).join(" ") }));
    const label = (x, y, text, anchor) => frame.append(draw("text", { class: "grid-label halo", x, y, "text-anchor": anchor }, text));
    const between = (from, to) => Array.from({ length: 9 }, (_, i) => from + ((to - from) * i) / 8);
    for (let latitude = Math.ceil(south / wide) * wide; latitude <= top; latitude += wide) {
      line(between(west - wide, right + wide).map((longitude) => km.forward(latitude, longitude)));
      const y = this.y(km.forward(latitude, (west + right) / 2)[1]);
      if (y > 14 && y < this.height - 34) label(4, y - 3, `${Math.abs(latitude).toFixed(digits)}° ${latitude < 0 ? "S" : "N"}`, "start");
    }
    for (let longitude = Math.ceil(west / wide) * wide; longitude <= right; longitude += wide) {
      line(between(south - wide, top + wide).map((latitude) => km.forward(latitude, longitude)));
      const x = this.x(km.forward(south, longitude)[0]);
      const wrapped = ((longitude + 540) % 360) - 180;
      if (x > 60 && x < this.width - 100) label(x, this.height - 5, `${Math.abs(wrapped).toFixed(digits)}° ${wrapped < 0 ? "W" : "E"}`, "middle");
    }
    const long = STEPS_KM.findLast((each) => each * this.scale < Math.min(110, this.width / 4)) ?? 1;
    const end = this.width - 10, y = this.height - 10;
    frame.append(draw("path", { class: "scale", d: `M${end - long * this.scale} ${y - 4}V${y}H${end}V${y - 4}` }));
    frame.append(draw("text", { class: "halo", x: end, y: y - 8, "text-anchor": "end" }, `${long} km`));
  }

  stations(state) {
    const layer = this.layers.stations, names = state.stations.length <= 40 && this.width > 300;
    layer.replaceChildren();
    for (const station of state.stations) {
      const group = draw("g", { transform: `translate(${this.x(station.east_km).toFixed(1)} ${this.y(station.north_km).toFixed(1)})` });
      const mark = draw("path", { class: `station ${station.state}${station.left_out === null ? "" : " out"}`, d: station.state === "silent" ? CROSS : STATION });
      const late = station.age_s === null ? "" : `, data ${station.age_s.toFixed(1)} s late`;
      mark.append(draw("title", {}, `${station.id}: ${station.state}${late}${station.left_out === null ? "" : `, left out: ${station.left_out}`}`));
      group.append(mark);
      if (names) group.append(this.name(station, station.id.split(".").at(-1)));
      layer.append(group);
    }
  }

  sites(state) {
    this.layers.sites.replaceChildren();
    for (const site of state.sites) {
      const group = draw("g", { transform: `translate(${this.x(site.east_km).toFixed(1)} ${this.y(site.north_km).toFixed(1)})` });
      const mark = draw("path", { class: "site", d: SQUARE });
      mark.append(draw("title", {}, site.name));
      group.append(mark, this.name(site, site.name));
      this.layers.sites.append(group);
    }
  }

  // Beside a mark, on the side that has room.
  name(each, text) {
    const isRight = this.x(each.east_km) + 14 + 6.5 * text.length > this.width;
    return draw("text", { class: "name", x: isRight ? -9 : 9, y: 4, "text-anchor": isRight ? "end" : "start" }, text);
  }

  events(state) {
    const { pdf, epicentres, estimates } = this.layers;
    for (const layer of [pdf, epicentres, estimates]) layer.replaceChildren();
    for (const each of state.estimates) {
      this.regions(each.pdf, each.probability);
      const mark = draw("path", { class: "estimate", d: DIAMOND, opacity: 0.35 + 0.65 * each.probability, transform: this.at(each) });
      mark.append(draw("title", {}, `considered: score ${each.probability.toFixed(2)}`));
      estimates.append(mark);
    }
    for (const event of [...state.events].reverse()) {
      const last = event.versions.at(-1);
      if (state.clock_s - last.origin_s > SHOWN_S) continue;
      const kind = last.status === "retracted" ? "retracted" : event.is_open ? "open" : "closed";
      if (last.epicentre_km2 !== null && kind !== "retracted") {
        const { along, across, turn } = ellipse(last.epicentre_km2);
        const transform = `${this.at(last)} rotate(${turn.toFixed(1)})`;
        const [rx, ry] = [along, across].map((each) => Math.max(WITHIN_90 * each * this.scale, 2));
        if (kind === "open" && event.pdf !== null) this.regions(event.pdf, 1);
        else if (kind === "open") pdf.append(draw("ellipse", { rx: (1.4 * rx).toFixed(1), ry: (1.4 * ry).toFixed(1), transform, fill: "url(#pdf)" }));
        pdf.append(draw("ellipse", { rx: rx.toFixed(1), ry: ry.toFixed(1), transform, class: `radius ${kind}` }));
      }
      if (kind === "open" && event.versions.length > 1) {
        const points = event.versions.map((each) => `${this.x(each.east_km).toFixed(1)},${this.y(each.north_km).toFixed(1)}`);
        pdf.append(draw("polyline", { class: "track", points: points.join(" ") }));
      }
      const mark = draw("path", { class: `epicentre ${kind}`, d: STAR, transform: `${this.at(last)}${kind === "open" ? "" : " scale(.75)"}` });
      mark.append(draw("title", {}, `${size(last.magnitude)}, ${last.status}, version ${last.version}`));
      epicentres.append(mark);
      if (kind === "open") epicentres.append(draw("text", { class: "name", x: this.x(last.east_km) + 12, y: this.y(last.north_km) - 8 }, size(last.magnitude)));
    }
  }

  // Of what a network says of an epicentre, the regions of highest density that hold so much of it.
  regions(pdf, opacity) {
    if (pdf === null) return;
    pdf.least.forEach((least, i) => {
      const region = draw("path", { class: "region", opacity, d: region_of(pdf, least, (east, north) => [this.x(east), this.y(north)]) });
      region.append(draw("title", {}, `${Math.round(100 * pdf.shares[i])} % of the network's pdf`));
      this.layers.pdf.append(region);
    });
  }

  at(each) {
    return `translate(${this.x(each.east_km).toFixed(1)} ${this.y(each.north_km).toFixed(1)})`;
  }

  // P and S of every event that has them, by a clock.
  fronts(state, time) {
    this.time = time;
    const layer = this.layers.fronts;
    const wanted = [];
    for (const event of state.events) {
      if (event.fronts === null) continue;
      const last = event.versions.at(-1);
      for (const phase of ["p", "s"]) {
        const radius = reached(event.fronts.distance_km, event.fronts[`${phase}_s`], time - last.origin_s);
        if (radius !== null) wanted.push({ phase, radius, last });
      }
    }
    while (layer.children.length > wanted.length) layer.lastChild.remove();
    while (layer.children.length < wanted.length) layer.append(draw("circle"));
    wanted.forEach(({ phase, radius, last }, i) => set(layer.children[i], {
      class: `front ${phase}`, cx: this.x(last.east_km).toFixed(1), cy: this.y(last.north_km).toFixed(1), r: (radius * this.scale).toFixed(1),
    }));
  }
}

// Standard deviations along the principal axes, km, and how far the longer is turned from east, degrees clockwise on the screen.
function ellipse([east, both, north]) {
  const middle = (east + north) / 2, half = Math.hypot((east - north) / 2, both);
  return {
    along: Math.sqrt(middle + half), across: Math.sqrt(Math.max(middle - half, 0)),
    turn: (-Math.atan2(2 * both, east - north) * 90) / Math.PI,
  };
}

// Path of where cells, taken for points and linear between them, are no less: a polygon within each square of four.
function region_of({ first_km: [west, south], spacing_km: [wide, high], n_cells: [nEast, nNorth], cells }, least, at) {
  const bytes = Uint8Array.from(atob(cells), (each) => each.charCodeAt(0));
  const corners = [[0, 0], [1, 0], [1, 1], [0, 1]], path = [];
  for (let i = 0; i + 1 < nEast; i++) {
    for (let j = 0; j + 1 < nNorth; j++) {
      const values = corners.map(([x, y]) => bytes[(i + x) * nNorth + j + y] - least);
      const points = [];
      corners.forEach(([x, y], k) => {
        const next = (k + 1) % 4, [toX, toY] = corners[next], value = values[k], other = values[next];
        if (value >= 0) points.push([x, y]);
        if (value >= 0 === other >= 0) return;
        const part = value / (value - other);
        points.push([x + part * (toX - x), y + part * (toY - y)]);
      });
      if (points.length > 2) path.push(`M${points.map(([x, y]) => at(west + (i + x) * wide, south + (j + y) * high).map((each) => each.toFixed(1)).join(" ")).join("L")}Z`);
    }
  }
  return path.join("");
}

// Epicentral distance that a front has come to; null before it is at the surface and beyond the last distance.
function reached(distances, times, elapsed) {
  const last = times.length - 1;
  if (!(elapsed >= times[0]) || elapsed > times[last]) return null;
  const i = Math.max(times.findIndex((each) => each >= elapsed), 1);
  const step = times[i] - times[i - 1];
  return distances[i - 1] + (step > 0 ? (elapsed - times[i - 1]) / step : 0) * (distances[i] - distances[i - 1]);
}

// Azimuthal equidistant about a centre: on a sphere, stretched to the ellipsoid's radii there.
function projection({ latitude_deg: latitude, longitude_deg: longitude }) {
  const rad = Math.PI / 180, squash = 0.00669438, sine = Math.sin(latitude * rad);
  const across = 6378.137 / Math.sqrt(1 - squash * sine * sine);
  const along = (across * (1 - squash)) / (1 - squash * sine * sine);
  return {
    forward(lat, lon) {
      const turn = (lon - longitude) * rad, p = lat * rad, p0 = latitude * rad;
      const cosine = Math.sin(p0) * Math.sin(p) + Math.cos(p0) * Math.cos(p) * Math.cos(turn);
      const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
      const k = angle < 1e-9 ? 1 : angle / Math.sin(angle);
      return [across * k * Math.cos(p) * Math.sin(turn), along * k * (Math.cos(p0) * Math.sin(p) - Math.sin(p0) * Math.cos(p) * Math.cos(turn))];
    },
    inverse(east, north) {
      const lat = Math.min(Math.max(latitude + north / along / rad, -89), 89);
      return [lat, longitude + east / (across * Math.max(Math.cos(lat * rad), 0.02)) / rad];
    },
  };
}
