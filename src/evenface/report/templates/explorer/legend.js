"use strict";
// Labels as buttons that hide and show, and what all of them hide together.
(function () {
  var SVG = "http://www.w3.org/2000/svg";
  var SHAPES = [
    "M6 1a5 5 0 1 0 0 10a5 5 0 0 0 0-10", "M1.5 1.5h9v9h-9z", "M6 .5L11.5 6L6 11.5L.5 6z",
    "M6 1l5 9.5h-10z", "M6 11l5-9.5h-10z", "M4 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z",
    "M2.5.5L6 4L9.500.5L11.500 2.5L8 6l3.500 3.500-2 2L6 8l-3.500 3.500-2-2L4 6L.5 2.500z",
    "M6 .5l1.700 3.700l4 .4l-3 2.700l.9 4L6 9.200l-3.600 2.100l.9-4l-3-2.700l4-.4z"
  ];

  function swatch(entry) {
    var svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 12 12");
    svg.setAttribute("aria-hidden", "true");
    var path = document.createElementNS(SVG, "path");
    path.setAttribute("d", SHAPES[entry.shape]);
    path.setAttribute("fill", entry.colour);
    svg.appendChild(path);
    return svg;
  }

  function text(kind, words) {
    var made = document.createElement(kind);
    made.textContent = words;
    return made;
  }

  function counts(way, rows) {
    var found = new Array(way.legend.length).fill(0);
    rows.forEach(function (row) { found[way.codes[row]] += 1; });
    return found;
  }

  // Twice: this label alone, or all again where it is alone already.
  function alone(way, code, present) {
    var only = way.legend.every(function (_, k) { return k === code || way.hidden.has(k) || !present[k]; });
    way.hidden.clear();
    if (!only) way.legend.forEach(function (_, k) { if (k !== code) way.hidden.add(k); });
  }

  function buttons(box, way, rows, changed) {
    var present = counts(way, rows);
    box.replaceChildren();
    way.legend.forEach(function (entry, code) {
      if (!present[code]) return;
      var button = document.createElement("button");
      button.type = "button";
      button.title = entry.label;
      button.setAttribute("aria-pressed", String(!way.hidden.has(code)));
      button.append(swatch(entry), text("bdi", entry.label), text("small", present[code]));
      button.addEventListener("click", function () {
        if (way.hidden.has(code)) way.hidden.delete(code); else way.hidden.add(code);
        changed();
      });
      button.addEventListener("dblclick", function () { alone(way, code, present); changed(); });
      box.appendChild(button);
    });
  }

  // What is hidden by attributes other than the one that colours: each goes on press.
  function chips(box, colours, now, changed) {
    box.replaceChildren();
    colours.forEach(function (way) {
      if (way === now || !way.hidden.size) return;
      var button = text("button", "");
      button.type = "button";
      button.append(text("bdi", way.name), text("span", ": " + way.hidden.size + " hidden \u00d7"));
      button.setAttribute("aria-label", "Show all of " + way.name + " again");
      button.addEventListener("click", function () { way.hidden.clear(); changed(); });
      box.appendChild(button);
    });
    box.hidden = !box.children.length;
  }

  // Counts of selected points by the attribute that colours, against all points in view.
  function selected(box, way, rows, chosen) {
    box.replaceChildren();
    if (!chosen.length) return;
    var all = counts(way, rows), own = counts(way, chosen);
    var most = own.indexOf(Math.max.apply(null, own)), table = document.createElement("table");
    var head = table.createTHead().insertRow();
    [way.name, "selected", "of these", "of all shown"].forEach(function (words, k) {
      var cell = text("th", words);
      cell.scope = "col";
      if (k) cell.className = "n";
      head.appendChild(cell);
    });
    var body = table.createTBody();
    way.legend.forEach(function (entry, code) {
      if (!all[code]) return;
      var row = body.insertRow(), name = text("th", "");
      name.scope = "row";
      name.append(swatch(entry), text("bdi", entry.label));
      row.appendChild(name);
      [own[code], percent(own[code], chosen.length), percent(all[code], rows.length)].forEach(function (words) {
        var cell = text("td", words);
        cell.className = "n";
        row.appendChild(cell);
      });
    });
    var said = text("p", "");
    said.append(chosen.length + " of " + rows.length + " points selected. Purity: " + percent(own[most], chosen.length) + " ",
      text("bdi", way.legend[most].label), ". These are counts of the points drawn, no estimate.");
    box.append(said, table);
  }

  function percent(part, whole) { return whole ? (100 * part / whole).toFixed(1) + "\u00a0%" : "\u2013"; }

  evenface.legend = { buttons: buttons, chips: chips, selected: selected };
})();
