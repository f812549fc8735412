"use strict";
// The table: sort by a heading, filter by text and state; what is filtered leaves the map too.
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0], rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  // a shape that stands for several scenes stays, whichever of them are filtered
  const shapes = new Map([...document.querySelectorAll("a.shape:not([data-n])")]
    .map((shape) => ["s" + shape.dataset.s, shape]));
  const order = new Intl.Collator("en", { numeric: true });

  const value = (row, column, kind) => {
    const cell = row.cells[column], given = cell.dataset.v;
    if (kind !== "number") return (given ?? cell.textContent).trim();
    return given === "" || given === undefined ? NaN : Number(given);
  };
  const compare = (a, b, kind, sign) => {
    if (kind !== "number") return sign * order.compare(a, b);
    // what has no number stays at the end, whichever way the column is sorted
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return sign * (a - b);
  };
  heads.forEach((head, column) => {
    const kind = head.dataset.sort;
    if (!kind) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const keyed = rows.map((row) => [value(row, column, kind), row]);
      keyed.sort((a, b) => compare(a[0], b[0], kind, sign));
      body.append(...keyed.map(([, row]) => row));
    });
  });

  const tools = document.createElement("form");
  tools.className = "tools";
  tools.setAttribute("role", "search");
  tools.addEventListener("submit", (event) => event.preventDefault());
  const search = document.createElement("input");
  search.type = "search";
  search.id = "search";
  search.placeholder = "Filter by scene, date or message";
  search.setAttribute("aria-label", search.placeholder);
  tools.append(search);
  const boxes = new Map();
  for (const state of ["done", "running", "waiting", "failed"]) {
    const amount = rows.filter((row) => row.dataset.state === state).length;
    if (!amount) continue;
    const label = document.createElement("label"), box = document.createElement("input");
    const name = document.createElement("span");
    box.type = "checkbox";
    box.checked = true;
    box.name = state;
    name.className = "badge " + state;
    name.textContent = `${state} ${amount}`;
    label.append(box, name);
    tools.append(label);
    boxes.set(state, box);
  }
  // a narrow window shows the rows as cards, without headings to press
  const sorts = document.createElement("select");
  sorts.className = "sort";
  sorts.setAttribute("aria-label", "Sort by");
  for (const head of heads.filter((head) => head.dataset.sort)) {
    const option = document.createElement("option");
    option.textContent = "Sort by " + head.textContent.toLowerCase();
    option.selected = head.textContent === "Acquired";
    sorts.append(option);
  }
  sorts.addEventListener("change", () => heads[sorts.selectedIndex].querySelector("button").click());
  tools.append(sorts);
  const told = document.createElement("output");
  tools.append(told);
  table.parentElement.before(tools);

  const texts = new Map();
  const textOf = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
    return texts.get(row);
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const keep = boxes.get(row.dataset.state).checked && words.every((word) => textOf(row).includes(word));
      row.hidden = !keep;
      shown += keep;
      shapes.get(row.id)?.classList.toggle("off", !keep);
    }
    told.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} shown`;
  };
  let soon = 0;
  search.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(filter, 80); });
  for (const box of boxes.values()) box.addEventListener("change", filter);

  const hot = (event, on) => {
    const row = event.target.closest("tbody tr");
    if (row) shapes.get(row.id)?.classList.toggle("hot", on);
  };
  body.addEventListener("pointerover", (event) => hot(event, true));
  body.addEventListener("pointerout", (event) => hot(event, false));
  // a link to a row that a filter hides shows all rows again
  window.addEventListener("hashchange", () => {
    const row = document.getElementById(location.hash.slice(1));
    if (!row || !row.hidden) return;
    search.value = "";
    for (const box of boxes.values()) box.checked = true;
    filter();
    row.scrollIntoView();
  });
})();
