"use strict";
// Searches, sorts and filters the inventory. Values of vendors become text nodes, never markup.
(() => {
  const PAGE = 100;
  const {columns, rows, gaps, cells, exposed} = JSON.parse(document.getElementById("assets").textContent);
  const [table, search, clear, shown, more] = ["table", "search", "clear", "shown", "more"].map(id => document.getElementById(id));
  const told = value => Array.isArray(value) ? value.join(", ") : value;
  const compare = new Intl.Collator("en", {numeric: true}).compare;
  const count = new Intl.NumberFormat("en").format;
  const body = table.querySelector("tbody");
  const heads = [...table.querySelectorAll("th")];
  let texts = null, only = null, sorted = null, found = rows.map((_, place) => place), drawn = 0;

  const textOf = place => (texts ??= rows.map(row => row.map(told).join("\n").toLowerCase()))[place];

  function draw(upTo) {
    for (; drawn < Math.min(upTo, found.length); drawn++) {
      const line = document.createElement("tr");
      for (const value of rows[found[drawn]]) line.appendChild(document.createElement("td")).textContent = told(value);
      body.appendChild(line);
    }
    more.hidden = drawn >= found.length;
  }

  function renew() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = only ? only.places : rows.map((_, place) => place);
    if (words.length) found = found.filter(place => words.every(word => textOf(place).includes(word)));
    if (sorted) {
      const {column, down} = sorted;
      found = [...found].sort((a, b) => (down ? -1 : 1) * compare(told(rows[a][column]), told(rows[b][column])) || a - b);
    }
    shown.textContent = found.length === rows.length ? `${count(rows.length)} assets` : `${count(found.length)} of ${count(rows.length)} assets`;
    clear.hidden = !only;
    if (only) clear.textContent = `${only.label}  ✕`;
    body.replaceChildren();
    drawn = 0;
    draw(PAGE);
  }

  function chosen(link) {
    const {gap, cell, exposed: vulnerability, column, value, label} = link.dataset;
    if (gap !== undefined) return {label, places: gaps[gap]};
    if (cell !== undefined) return {label, places: cells[cell]};
    if (vulnerability !== undefined) return {label, places: exposed[vulnerability]};
    const at = columns.indexOf(column);
    return {label: `${column} ${value}`, places: [...rows.keys()].filter(place => rows[place][at] === value)};
  }

  document.addEventListener("click", event => {
    const row = event.target.closest("a[href^='#class-']");
    if (row) document.getElementById(row.hash.slice(1)).parentElement.open = true;
    const link = event.target.closest("a[data-gap], a[data-cell], a[data-exposed], a[data-column]");
    if (!link) return;
    only = chosen(link);
    search.value = "";
    renew();
  });
  clear.addEventListener("click", () => { only = null; renew(); search.focus(); });
  search.addEventListener("input", renew);
  more.addEventListener("click", () => draw(drawn + 5 * PAGE));
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      sorted = {column, down: sorted?.column === column && !sorted.down};
      heads.forEach(each => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      renew();
    });
  });
  // The conduits of the zone that is pointed at, or has the focus, stand out.
  const map = document.querySelector("svg.map");
  const light = event => {
    const zone = event.target.closest?.("a[data-column=zone]")?.dataset.value;
    map.classList.toggle("chosen", zone !== undefined);
    for (const line of map.querySelectorAll(".conduit")) line.classList.toggle("lit", zone !== undefined && [line.dataset.from, line.dataset.to].includes(zone));
  };
  for (const name of ["pointerover", "pointerleave", "focusin", "focusout"]) map.addEventListener(name, light);
  document.querySelector(".tools").hidden = false;
  const open = () => {
    const target = location.hash.startsWith("#class-") && document.getElementById(location.hash.slice(1));
    if (target) { target.parentElement.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(each => { each.open = true; }));
  open();
  renew();
})();
