// The last minute of each station, and when P and S of the newest event come to it.

const ROWS = [26, 40]; // height of a row: of many stations, of few
const FEW = 12, TOP = 20, LABEL = 74;
const QUIET = 6; // a trace fills its row where it reaches so many times its own middle level

export class Waves {
  constructor(canvas) {
    this.canvas = canvas;
  }

  show(state) {
    const { canvas } = this;
    const order = byDistance(state);
    this.row = order.length > FEW ? ROWS[0] : ROWS[1];
    const width = canvas.parentElement.clientWidth, height = TOP + this.row * order.length + 4;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    const pen = canvas.getContext("2d");
    const colours = getComputedStyle(document.documentElement);
    this.colour = (name) => colours.getPropertyValue(`--${name}`).trim();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    pen.textBaseline = "middle";
    this.axis(pen, state, width, height);
    order.forEach((index, row) => {
      const middle = TOP + this.row * (row + 0.5);
      this.trace(pen, state, index, middle, width);
      this.arrivals(pen, state, index, middle, width, row === 0);
    });
    const heard = state.stations.filter((station) => station.state === "delivering").length;
    canvas.setAttribute("aria-label", `Waveforms of ${state.stations.length} stations, ${heard} of which deliver; figures are in the list of stations`);
  }

  axis(pen, state, width, height) {
    const span = state.traces.n_blocks * state.traces.block_s;
    pen.strokeStyle = this.colour("grid");
    pen.fillStyle = this.colour("soft");
    const every = width < 500 ? 20 : 10;
    for (let ago = 0; ago <= span; ago += every) {
      const x = LABEL + (width - LABEL - 6) * (1 - ago / span);
      pen.beginPath();
      pen.moveTo(x, TOP - 4);
      pen.lineTo(x, height);
      pen.stroke();
      pen.textAlign = ago === 0 ? "right" : "center";
      pen.fillText(ago === 0 ? "now" : `-${ago} s`, ago === 0 ? x + 4 : Math.max(x, LABEL + 10), 8);
    }
  }

  trace(pen, state, index, middle, width) {
    const { traces, stations } = state;
    const station = stations[index];
    pen.textAlign = "left";
    pen.fillStyle = this.colour(station.state === "delivering" ? "text" : station.state === "late" ? "warn" : "off");
    pen.fillText(station.id, 0, middle, LABEL - 6);
    const left = LABEL, wide = width - LABEL - 6, step = wide / traces.n_blocks;
    const levels = bytes(traces.envelopes[index]);
    const largest = traces.largest_mps[index];
    const full = Math.max(largest, QUIET * traces.middle_mps[index]);
    const scale = full > 0 ? ((this.row / 2 - 1) * largest) / full / 127 : 0;
    pen.strokeStyle = this.colour("wave-soft");
    pen.setLineDash([2, 3]);
    pen.beginPath();
    pen.moveTo(left, middle);
    pen.lineTo(left + wide, middle);
    pen.stroke();
    pen.setLineDash([]);
    pen.strokeStyle = this.colour("wave");
    pen.lineWidth = Math.max(step * 0.9, 1);
    pen.beginPath();
    for (let i = 0; i < traces.n_blocks; i += 1) {
      if (levels[2 * i] === -128) continue;
      const x = left + (i + 0.5) * step;
      const low = middle - levels[2 * i] * scale, high = middle - levels[2 * i + 1] * scale;
      pen.moveTo(x, Math.max(low, high + 1));
      pen.lineTo(x, high);
    }
    pen.stroke();
    pen.lineWidth = 1;
  }

  arrivals(pen, state, index, middle, width, named) {
    const left = LABEL, wide = width - LABEL - 6;
    const span = state.traces.n_blocks * state.traces.block_s;
    for (const event of state.events) {
      if (event.fronts === null) continue;
      const origin = event.versions.at(-1).origin_s;
      for (const phase of ["p", "s"]) {
        const ago = state.traces.end_s - (origin + event.fronts[`station_${phase}_s`][index]);
        if (ago < 0 || ago > span) continue;
        const x = left + wide * (1 - ago / span);
        pen.strokeStyle = pen.fillStyle = this.colour(phase);
        pen.lineWidth = 1.5;
        pen.beginPath();
        pen.moveTo(x, middle - this.row / 2 + 1);
        pen.lineTo(x, middle + this.row / 2 - 1);
        pen.stroke();
        pen.lineWidth = 1;
        pen.textAlign = "right";
        if (named) pen.fillText(phase.toUpperCase(), x - 2, middle - this.row / 2 + 7);
      }
    }
  }
}

function bytes(text) {
  const raw = atob(text);
  return Int8Array.from({ length: raw.length }, (_, i) => (raw.charCodeAt(i) << 24) >> 24);
}

// Nearest to the newest event that has fronts first, else as the monitor has them.
function byDistance(state) {
  const order = state.stations.map((_, i) => i);
  const event = state.events.find((each) => each.fronts !== null);
  if (!event) return order;
  const far = (i) => Math.hypot(state.stations[i].east_km - event.east_km, state.stations[i].north_km - event.north_km);
  return order.sort((a, b) => far(a) - far(b));
}
