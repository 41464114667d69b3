"use strict";
// The explorer of the maps: what is shown, coloured, hidden, found and selected, in linked plots.
(function () {
  var data = evenface.unpack(JSON.parse(document.getElementById("explorer-data").textContent));
  var by = document.getElementById.bind(document);
  var size = by("map-size"), colour = by("map-colour"), beside = by("beside"), tip = by("tip"), said = by("explorer-said");
  var coarse = window.matchMedia("(pointer: coarse)").matches;
  var mode = coarse ? "look" : "move";
  var selected = new Set(), found = new Set();
  if (!data.views.length || !data.colours.length) return;

  function way() { return data.colours[Number(colour.value)]; }

  function dims() {
    var chosen = document.querySelector("input[name=dims]:checked");
    return chosen ? Number(chosen.value) : 2;
  }

  function current() {
    return data.views.find(function (v) { return v.size === Number(size.value) && v.dims === dims(); });
  }

  function plot(id) {
    return new evenface.Plot(by(id), function () { return mode; }, {
      hover: function (row, x, y, spoken) { hover(by(id), row, x, y, spoken); },
      select: select
    });
  }

  var main = plot("plot"), second = main.works ? plot("plot-beside") : null;
  var plots = [main];

  // 0 hidden, 1 faint beside a selection, 2 as ever, 3 found or selected.
  function states() {
    var n = data.ids.length, made = new Uint8Array(n);
    for (var row = 0; row < n; row++) {
      var shown = data.colours.every(function (w) { return !w.hidden.size || !w.hidden.has(w.codes[row]); });
      var marked = found.size ? found.has(row) : selected.has(row);
      made[row] = !shown ? 0 : marked ? 3 : selected.size || found.size ? 1 : 2;
    }
    return made;
  }

  function visible(view) {
    var shown = states();
    return Array.from(view.rows).filter(function (row) { return shown[row] > 0; });
  }

  function repaint() {
    var shown = states(), w = way();
    if (main.works) plots.forEach(function (p) { p.paint(w, shown); });
    evenface.legend.buttons(by("legend"), w, current().rows, repaint);
    evenface.legend.chips(by("filters"), data.colours, w, repaint);
    var rows = visible(current());
    evenface.legend.selected(by("selection"), w, rows, rows.filter(function (row) { return selected.has(row); }));
    by("selection").hidden = !selected.size;
    by("clear").disabled = !selected.size && !found.size && data.colours.every(function (x) { return !x.hidden.size; });
  }

  function select(rows, add) {
    if (!add) selected.clear();
    rows.forEach(function (row) {
      if (add && rows.length === 1 && selected.has(row)) selected.delete(row); else selected.add(row);
    });
    found.clear();
    repaint();
    said.textContent = selected.size ? selected.size + " points selected" : "nothing selected";
  }

  function hover(frame, row, x, y, spoken) {
    tip.hidden = row < 0;
    if (row < 0) return;
    tip.replaceChildren();
    var name = document.createElement("strong");
    name.textContent = data.ids[row];
    tip.appendChild(name);
    if (data.thumbnails && data.thumbnails[row]) {
      var face = document.createElement("img");
      face.src = data.thumbnails[row];
      face.alt = "thumbnail of this face";
      tip.appendChild(face);
    }
    data.facts.forEach(function (fact) {
      var line = document.createElement("span"), value = document.createElement("bdi"), title = document.createElement("bdi");
      title.textContent = fact.name;
      value.textContent = fact.texts[fact.codes[row]];
      line.append(title, ": ", value);
      tip.appendChild(line);
    });
    if (data.synthetic) tip.appendChild(document.createTextNode("synthetic " + data.synthetic.slice(0, -1)));
    frame.appendChild(tip);
    var width = frame.clientWidth, right = x > width / 2;
    tip.style.left = right ? "auto" : Math.min(x + 14, width - 40) + "px";
    tip.style.right = right ? width - x + 14 + "px" : "auto";
    tip.style.top = Math.max(4, Math.min(y - 10, frame.clientHeight - tip.offsetHeight - 4)) + "px";
    if (spoken) said.textContent = Array.from(tip.childNodes, function (n) { return n.textContent; }).join(", ");
  }

  function draw() {
    var view = current();
    if (!view) return;
    by("plot-note").hidden = main.works;
    by("plot").hidden = !main.works;
    by("explorer-tools").hidden = !main.works;
    plots = [main];
    if (main.works) {
      main.show(view);
      var other = data.views[Number(beside.value)];
      by("plot-beside").hidden = !other;
      if (other) { second.show(other); plots.push(second); }
      by("beside-title").textContent = other ? other.title : "";
      by("plots").classList.toggle("two", Boolean(other));
    }
    hover(by("plot"), -1);
    repaint();
    document.querySelectorAll(".for-size").forEach(function (block) { block.hidden = Number(block.dataset.size) !== view.size; });
    document.querySelectorAll(".meters li").forEach(function (item) {
      item.classList.toggle("now", Number(item.dataset.dims) === view.dims);
    });
  }

  function search() {
    var wanted = by("find").value.trim().toLowerCase();
    found.clear();
    if (wanted) data.ids.forEach(function (id, row) { if (id.toLowerCase().indexOf(wanted) === 0) found.add(row); });
    repaint();
    said.textContent = wanted ? found.size + " of " + data.ids.length + " ids begin so" : "";
    if (found.size !== 1 || !main.works) return;
    var k = current().rows.indexOf(Array.from(found)[0]);
    main.scatter.project();
    if (k >= 0) hover(by("plot"), current().rows[k], main.scatter.screen[2 * k], main.scatter.screen[2 * k + 1]);
  }

  function option(list, value, words) {
    var made = document.createElement("option");
    made.value = value;
    made.textContent = words;
    list.appendChild(made);
  }

  function save() {
    main.picture(data.synthetic ? "synthetic " + data.synthetic : "").toBlob(function (blob) {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = "map.png";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  data.colours.forEach(function (w, k) { option(colour, k, w.name); });
  var group = data.colours.findIndex(function (w) { return w.name === "demographic group"; });
  colour.value = String(Math.max(group, 0));
  option(beside, -1, "nothing");
  data.views.forEach(function (view, k) { option(beside, k, view.title); });
  var first = document.querySelector("input[name=dims]");
  if (first) first.checked = true;
  size.value = String(Math.max.apply(null, data.views.filter(function (v) { return v.map; }).map(function (v) { return v.size; })));
  by("size-box").hidden = size.options.length < 2;
  by("dims-box").hidden = document.querySelectorAll("input[name=dims]").length < 2;
  by("beside-box").hidden = data.views.length < 2;
  by("explorer").hidden = false;
  document.querySelectorAll("input[name=mode]").forEach(function (input) {
    input.checked = input.value === mode;
    input.addEventListener("change", function () {
      mode = input.value;
      by("plots").dataset.mode = mode;
    });
  });
  by("plots").dataset.mode = mode;
  [size, beside].forEach(function (control) { control.addEventListener("change", draw); });
  document.querySelectorAll("input[name=dims]").forEach(function (input) { input.addEventListener("change", draw); });
  colour.addEventListener("change", repaint);
  by("find").addEventListener("input", search);
  by("zoom-in").addEventListener("click", function () { plots.forEach(function (p) { p.zoom(1.4); }); });
  by("zoom-out").addEventListener("click", function () { plots.forEach(function (p) { p.zoom(1 / 1.4); }); });
  by("zoom-reset").addEventListener("click", function () { plots.forEach(function (p) { p.scatter.reset(); p.later(); }); });
  by("save").addEventListener("click", save);
  by("clear").addEventListener("click", function () {
    data.colours.forEach(function (w) { w.hidden.clear(); });
    by("find").value = "";
    select([], false);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { plots.forEach(function (p) { p.later(); }); });
  draw();
  // For tests, and for those who want to look on in a console.
  evenface.explorer = { data: data, plots: function () { return plots; }, select: select, selected: selected };
})();
