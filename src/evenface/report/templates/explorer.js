"use strict";
(function () {
  var data = JSON.parse(document.getElementById("explorer-data").textContent);
  var box = document.getElementById("explorer");
  var plot = document.getElementById("plot");
  var note = document.getElementById("plot-note");
  var legend = document.getElementById("legend");
  var size = document.getElementById("map-size");
  var colour = document.getElementById("map-colour");
  var SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star"];
  var SOLID = ["circle", "square", "diamond", "cross", "x", "circle-open", "square-open", "diamond-open"];
  var SVG = "http://www.w3.org/2000/svg";
  var SHAPES = [
    "M6 1a5 5 0 1 0 0 10a5 5 0 0 0 0-10", "M1.5 1.5h9v9h-9z", "M6 .5L11.5 6L6 11.5L.5 6z",
    "M6 1l5 9.5h-10z", "M6 11l5-9.5h-10z", "M4 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z",
    "M2.5.5L6 4L9.500.5L11.500 2.5L8 6l3.500 3.500-2 2L6 8l-3.500 3.500-2-2L4 6L.5 2.500z",
    "M6 .5l1.700 3.700l4 .4l-3 2.700l.9 4L6 9.200l-3.600 2.100l.9-4l-3-2.700l4-.4z"
  ];
  var hidden = new Set();
  var coarse = window.matchMedia("(pointer: coarse)").matches;

  // Plotly reads a few tags in text: a label must not become one. The isolates keep
  // right-to-left text from turning its neighbours around.
  function escaped(text) {
    return "\u2068" + String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;") + "\u2069";
  }

  function hover(row) {
    var lines = ["<b>" + escaped(data.ids[row]) + "</b>"];
    data.facts.forEach(function (fact) {
      lines.push(escaped(fact.name) + ": " + escaped(fact.texts[fact.codes[row]]));
    });
    if (data.synthetic) lines.push("synthetic face");
    return lines.join("<br>");
  }

  function hasWebgl() {
    try {
      var canvas = document.createElement("canvas");
      return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
    } catch (error) { return false; }
  }

  function dims() {
    var chosen = document.querySelector("input[name=dims]:checked");
    return chosen ? Number(chosen.value) : data.maps[0].dims;
  }

  function current() {
    var wanted = Number(size.value);
    return data.maps.find(function (m) { return m.size === wanted && m.dims === dims(); });
  }

  function traces(map, way) {
    var flat = map.dims === 2;
    return way.legend.map(function (entry, code) {
      var at = [];
      map.rows.forEach(function (row, i) { if (way.codes[row] === code) at.push(i); });
      var pick = function (axis) { return at.map(function (i) { return axis[i]; }); };
      var trace = {
        type: flat ? "scatter" : "scatter3d",
        mode: "markers",
        name: escaped(entry.label.slice(0, 60)),
        x: pick(map.x),
        y: pick(map.y),
        text: at.map(function (i) { return hover(map.rows[i]); }),
        hoverinfo: "text",
        visible: !hidden.has(code),
        marker: {
          color: entry.colour,
          symbol: (flat ? SYMBOLS : SOLID)[entry.shape],
          size: flat ? (map.rows.length > 1500 ? 5 : 8) : (map.rows.length > 1500 ? 1.6 : 3),
          opacity: 0.85,
          line: flat ? { width: 0.6, color: "white" } : { width: 0 }
        }
      };
      if (!flat) trace.z = pick(map.z);
      return trace;
    });
  }

  function layout(map) {
    var bare = { showgrid: false, zeroline: false, showticklabels: false, ticks: "", title: { text: "" }, gridcolor: "#E8EBF0" };
    var look = {
      showlegend: false,
      margin: { l: 8, r: 8, t: 8, b: 8 },
      paper_bgcolor: "white",
      plot_bgcolor: "white",
      font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", size: 13, color: "#1C2430" },
      hoverlabel: { align: "left", bgcolor: "white", bordercolor: "#8893A2", font: { color: "#1C2430", size: 12 }, namelength: -1 },
      uirevision: map.size + "/" + map.dims
    };
    if (data.synthetic) {
      look.annotations = [{
        text: "synthetic faces", xref: "paper", yref: "paper", x: 0.01, y: 0.99, xanchor: "left", yanchor: "top",
        showarrow: false, font: { size: 12, color: "#8A4B00" }, bgcolor: "rgba(255,255,255,.8)"
      }];
    }
    if (map.dims === 2) {
      look.xaxis = Object.assign({}, bare);
      look.yaxis = Object.assign({}, bare, { scaleanchor: "x" });
      look.hovermode = "closest";
      look.dragmode = coarse ? false : "zoom";
    } else {
      var axis = Object.assign({}, bare, { showspikes: false, showbackground: true, backgroundcolor: "#F6F7F9", showgrid: true, gridcolor: "#DDE2E9" });
      look.scene = { xaxis: axis, yaxis: axis, zaxis: axis, aspectmode: "data", camera: { eye: { x: 1.15, y: 1.15, z: 0.65 }, center: { x: 0, y: 0, z: -0.06 } } };
    }
    return look;
  }

  var drawn = 0;
  function draw() {
    var map = current();
    var way = data.colours[Number(colour.value)];
    if (!map || !way) return;
    note.hidden = true;
    plot.hidden = false;
    if (map.dims === 3 && !hasWebgl()) {
      Plotly.purge(plot);
      drawn = 0;
      note.textContent = "This browser draws no WebGL, which the 3-D map needs. The static 3-D map below shows the same points.";
      note.hidden = false;
      plot.hidden = true;
    } else {
      // Going from flat to deep leaves remains behind: start afresh.
      if (drawn && drawn !== map.dims) Plotly.purge(plot);
      drawn = map.dims;
      Plotly.react(plot, traces(map, way), layout(map), {
        displaylogo: false,
        responsive: true,
        displayModeBar: coarse ? true : "hover",
        scrollZoom: false,
        showSendToCloud: false,
        modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "hoverClosest3d"],
        toImageButtonOptions: { filename: "map", scale: 2 }
      });
    }
    key(map, way);
    document.querySelectorAll(".for-size").forEach(function (block) {
      block.hidden = Number(block.dataset.size) !== map.size;
    });
    document.querySelectorAll(".meters li").forEach(function (item) {
      item.classList.toggle("now", Number(item.dataset.dims) === map.dims);
    });
  }

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

  function key(map, way) {
    var counts = new Array(way.legend.length).fill(0);
    map.rows.forEach(function (row) { counts[way.codes[row]] += 1; });
    legend.replaceChildren();
    way.legend.forEach(function (entry, code) {
      if (!counts[code]) return;
      var button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!hidden.has(code)));
      button.title = entry.label;
      var label = document.createElement("bdi");
      label.textContent = entry.label;
      var count = document.createElement("small");
      count.textContent = counts[code];
      button.append(swatch(entry), label, count);
      button.addEventListener("click", function () {
        if (hidden.has(code)) hidden.delete(code); else hidden.add(code);
        refresh(way);
      });
      button.addEventListener("dblclick", function () {
        var alone = way.legend.every(function (_, k) { return k === code || hidden.has(k) || !counts[k]; });
        hidden.clear();
        if (!alone) way.legend.forEach(function (_, k) { if (k !== code) hidden.add(k); });
        refresh(way);
      });
      button.dataset.code = code;
      legend.appendChild(button);
    });
  }

  function refresh(way) {
    legend.querySelectorAll("button").forEach(function (button) {
      button.setAttribute("aria-pressed", String(!hidden.has(Number(button.dataset.code))));
    });
    if (!drawn) return;
    Plotly.restyle(plot, { visible: way.legend.map(function (_, k) { return !hidden.has(k); }) });
  }

  if (!data.maps.length || !data.colours.length) return;
  data.colours.forEach(function (way, k) {
    var option = document.createElement("option");
    option.value = k;
    option.textContent = way.name;
    colour.appendChild(option);
  });
  var group = data.colours.findIndex(function (way) { return way.name === "demographic group"; });
  colour.value = String(Math.max(group, 0));
  var first = document.querySelector("input[name=dims]");
  if (first) first.checked = true;
  size.value = String(Math.max.apply(null, data.maps.map(function (m) { return m.size; })));
  document.getElementById("size-box").hidden = size.options.length < 2;
  document.getElementById("dims-box").hidden = document.querySelectorAll("input[name=dims]").length < 2;
  box.hidden = false;
  [size, colour].forEach(function (control) {
    control.addEventListener("change", function () { hidden.clear(); draw(); });
  });
  document.querySelectorAll("input[name=dims]").forEach(function (input) {
    input.addEventListener("change", draw);
  });
  window.addEventListener("afterprint", draw);
  draw();
})();
