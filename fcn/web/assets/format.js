// Numbers and elements, for all other files.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function draw(tag, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, tag);
  set(element, attributes);
  if (text !== null) element.textContent = text;
  return element;
}

export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function clock(seconds, digits = 0) {
  const moment = new Date(seconds * 1000).toISOString();
  return digits ? moment.slice(11, 20 + digits) : moment.slice(11, 19);
}

export function day(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

export function place(latitude, longitude, digits = 2) {
  const ns = latitude < 0 ? "S" : "N", ew = longitude < 0 ? "W" : "E";
  return `${Math.abs(latitude).toFixed(digits)}° ${ns}, ${Math.abs(longitude).toFixed(digits)}° ${ew}`;
}

export function size(magnitude) {
  if (magnitude === null) return "M ?";
  return `${magnitude.is_lower_bound ? "≥ " : ""}${magnitude.type} ${magnitude.value.toFixed(1)}`;
}

export function range(magnitude) {
  if (magnitude === null || magnitude.least === null) return "";
  return `${magnitude.least.toFixed(1)} to ${magnitude.most.toFixed(1)}`;
}

export function seconds(value, digits = 1) {
  return value === null ? "-" : `${value.toFixed(digits)} s`;
}

export function span(value) {
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return value < 172800 ? `${(value / 3600).toFixed(1)} h` : `${(value / 86400).toFixed(1)} d`;
}

// Rows by key: what is there already stays, with its focus and whether it is open.
export function keyed(parent, items, key, create, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = null;
  for (const item of items) {
    const name = String(key(item));
    let element = known.get(name);
    if (!element) {
      element = create(item);
      element.dataset.key = name;
    }
    known.delete(name);
    update(element, item);
    const wanted = before ? before.nextSibling : parent.firstChild;
    if (element !== wanted) parent.insertBefore(element, wanted);
    before = element;
  }
  for (const element of known.values()) element.remove();
}

export function cells(row, values) {
  while (row.children.length < values.length) row.append(make("td"));
  values.forEach((value, i) => {
    const cell = row.children[i];
    const { text, kind } = typeof value === "object" ? value : { text: value, kind: null };
    if (kind && kind.startsWith("chip")) {
      if (!cell.firstElementChild) cell.append(make("span"));
      set(cell.firstElementChild, { class: kind });
      say(cell.firstElementChild, text);
    } else {
      set(cell, { class: kind });
      say(cell, text);
    }
  });
}
