"use strict";
// The map: zoom and pan, and a list of the scenes under the pointer. Without this script it is a
// still drawing whose shapes are links. Formulas as in mercator.py.
(() => {
  const map = document.getElementById("map");
  if (!map) return;
  const SVG = "http://www.w3.org/2000/svg";
  const RADIUS = 6378137, MOST_ZOOM = 24, MOST_LISTED = 12;
  const STEPS = [30, 20, 10, 5, 2, 1, .5, .2, .1, .05, .02, .01, .005, .002, .001];
  const [, , width, height] = map.getAttribute("viewBox").split(" ").map(Number);
  const west = Number(map.dataset.west), top = Number(map.dataset.top);
  const scale = Number(map.dataset.scale);
  const lines = document.getElementById("lines"), labels = document.getElementById("labels");
  const rad = Math.PI / 180;
  let view = { x: 0, y: 0, zoom: 1 };

  const longitude = (x) => west + x / scale / rad;
  const latitude = (y) => (2 * Math.atan(Math.exp(top - y / scale)) - Math.PI / 2) / rad;
  const toX = (lon) => (lon - west) * rad * scale;
  const toY = (lat) => (top - Math.log(Math.tan(Math.PI / 4 + lat * rad / 2))) * scale;

  const make = (parent, name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const ticks = (least, most, step) => {
    const found = [];
    for (let n = Math.ceil(least / step - 1e-9); n <= Math.floor(most / step + 1e-9); n++)
      found.push(Number((n * step).toFixed(9)));
    return found;
  };
  const degrees = (value, step, north) => {
    if (!north) value = ((value + 180) % 360 + 360) % 360 - 180;
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const text = Math.abs(value).toFixed(decimals);
    if (Number(text) === 0 || (!north && Number(text) === 180)) return text + "\u00b0";
    return text + "\u00b0\u00a0" + (north ? "NS" : "EW")[value < 0 ? 1 : 0];
  };
  const bar = (metresAUnit, room) => {
    const most = metresAUnit * room, power = 10 ** Math.floor(Math.log10(most));
    const metres = [5, 2, 1].find((n) => n * power <= most) * power;
    const label = metres >= 1000 ? (metres / 1000).toLocaleString("en") + "\u00a0km" : metres + "\u00a0m";
    return [metres / metresAUnit, label];
  };

  const draw = () => {
    const { x, y, zoom } = view, w = width / zoom, h = height / zoom;
    map.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
    map.classList.toggle("zoomed", zoom > 1);
    // letters keep their size on the screen, whatever the zoom and the window
    const k = Math.max(1, width / (map.clientWidth || width));
    map.style.setProperty("--k", k / zoom);
    const at = (px) => px * k / zoom, room = (100 + 40 * k) / zoom;
    const across = Math.max(w, h) / scale / rad, step = STEPS.find((s) => across / s >= 4) || STEPS.at(-1);
    const meridians = ticks(longitude(x), longitude(x + w), step);
    const parallels = ticks(latitude(y + h), latitude(y), step);
    lines.replaceChildren();
    labels.replaceChildren();
    make(lines, "path", { d: [
      ...meridians.map((v) => `M${toX(v)} ${y}V${y + h}`),
      ...parallels.map((v) => `M${x} ${toY(v)}H${x + w}`)].join("") });
    for (const v of meridians) {
      const px = (toX(v) - x) * zoom;
      if (px > 30 * k && px < width - room * zoom - 50)
        make(labels, "text", { x: toX(v), y: y + h - at(8), "text-anchor": "middle" }, degrees(v, step, false));
    }
    for (const v of parallels) {
      const py = (toY(v) - y) * zoom;
      if (py > 20 * k && py < height - 30 * k)
        make(labels, "text", { x: x + at(8), y: toY(v) - at(4) }, degrees(v, step, true));
    }
    const ground = RADIUS * Math.cos(latitude(y + h / 2) * rad) / scale;
    const [length, text] = bar(ground, room);
    const right = x + w - at(16), low = y + h - at(14);
    make(labels, "path", { class: "scale", d: `M${right - length} ${low - at(6)}V${low}H${right}V${low - at(6)}` });
    make(labels, "text", { id: "scale-label", x: right - length / 2, y: low - at(10), "text-anchor": "middle" }, text);
  };

  const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
  const look = (x, y, zoom) => {
    zoom = clamp(zoom, 1, MOST_ZOOM);
    view = { zoom, x: clamp(x, 0, width - width / zoom), y: clamp(y, 0, height - height / zoom) };
    draw();
  };
  const zoomAt = (factor, fx = .5, fy = .5) => {
    const zoom = clamp(view.zoom * factor, 1, MOST_ZOOM);
    look(view.x + fx * width * (1 / view.zoom - 1 / zoom), view.y + fy * height * (1 / view.zoom - 1 / zoom), zoom);
  };
  const within = (event) => {
    const box = map.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  const buttons = document.createElement("div");
  buttons.className = "zoom";
  for (const [sign, name, act] of [
    ["+", "Zoom in", () => zoomAt(2)], ["\u2212", "Zoom out", () => zoomAt(.5)],
    ["\u2302", "Whole map", () => look(0, 0, 1)]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.title = name;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    buttons.append(button);
  }
  map.after(buttons);
  // a plain wheel scrolls the page; a pinch, or Ctrl and the wheel, zooms
  map.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY / 200), ...within(event));
  }, { passive: false });

  let grip = null, moved = false;
  map.addEventListener("pointerdown", (event) => {
    moved = false;
    if (view.zoom > 1) grip = { px: event.clientX, py: event.clientY, x: view.x, y: view.y };
  });
  window.addEventListener("pointerup", () => { grip = null; });
  window.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const unit = width / view.zoom / map.clientWidth;
    const dx = event.clientX - grip.px, dy = event.clientY - grip.py;
    if (Math.hypot(dx, dy) > 4) moved = true;
    if (moved) look(grip.x - dx * unit, grip.y - dy * unit, view.zoom);
  });
  map.addEventListener("dragstart", (event) => event.preventDefault());

  // the scenes under the pointer: footprints lie over one another, and the topmost hides the rest
  const here = document.createElement("ul");
  here.className = "here";
  here.id = "here";
  here.setAttribute("aria-live", "polite");
  document.getElementById("map-note").after(here);
  const say = (text) => {
    const line = document.createElement("li");
    line.textContent = text;
    return line;
  };
  const HINT = "Point at the map to see its scenes; click where several overlap to hold the list.";
  const heat = (number, on) => {
    for (const found of [document.getElementById("s" + number), map.querySelector(`a[data-s="${number}"]`)])
      if (found) found.classList.toggle("hot", on);
  };
  const entry = (shape) => {
    const line = document.createElement("li"), link = document.createElement("a");
    const number = shape.dataset.s;
    const image = document.querySelector(`figure[data-s="${number}"] img`);
    if (image) {
      const copy = document.createElement("img");
      copy.src = image.src;
      copy.alt = "";
      line.append(copy);
    }
    link.textContent = shape.querySelector("title").textContent.replaceAll("\n", " \u00b7 ");
    if (shape.hasAttribute("href")) link.href = shape.getAttribute("href");
    line.append(link);
    line.addEventListener("pointerenter", () => heat(number, true));
    line.addEventListener("pointerleave", () => heat(number, false));
    return line;
  };
  let held = false, last = "";
  const shapesAt = (event) => document.elementsFromPoint(event.clientX, event.clientY)
    .map((found) => found.closest("a.shape")).filter(Boolean);
  const show = (shapes) => {
    const key = shapes.map((shape) => shape.dataset.s).join(" ");
    if (key === last) return;
    last = key;
    const rest = shapes.length - MOST_LISTED;
    here.replaceChildren(...shapes.slice(0, MOST_LISTED).map(entry),
      ...(rest > 0 ? [say(`and ${rest} more here`)] : shapes.length ? [] : [say(HINT)]));
  };
  map.addEventListener("pointermove", (event) => { if (!held && !grip) show(shapesAt(event)); });
  map.addEventListener("pointerleave", () => { if (!held) show([]); });
  map.addEventListener("focusin", (event) => {
    const shape = event.target.closest("a.shape");
    if (shape && !held) show([shape]);
  });
  map.addEventListener("click", (event) => {
    const shapes = shapesAt(event);
    if (moved) { event.preventDefault(); return; }
    held = shapes.length > 1;
    if (held) event.preventDefault();
    last = "";
    show(shapes);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { held = false; show([]); }
  });
  last = "none yet";
  show([]);
  new ResizeObserver(draw).observe(map);
  window.addEventListener("beforeprint", () => look(0, 0, 1));
})();
