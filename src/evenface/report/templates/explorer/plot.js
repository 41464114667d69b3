"use strict";
// One plot: a canvas with its pointer, keys and outline of a selection.
(function () {
  var STEP = 40;

  // told: hover(row or -1, x, y), select(rows, add), change()
  function Plot(frame, mode, told) {
    this.frame = frame;
    this.canvas = frame.querySelector("canvas");
    this.outline = frame.querySelector("svg path");
    this.scatter = new evenface.Scatter(this.canvas);
    this.works = Boolean(this.scatter.gl);
    this.mode = mode;
    this.told = told;
    this.at = -1;
    this.waiting = false;
    if (!this.works) return;
    this._pointer();
    this._keys();
    var again = this.later.bind(this);
    new ResizeObserver(again).observe(this.canvas);
    this.canvas.addEventListener("webglcontextlost", function (event) { event.preventDefault(); });
    this.canvas.addEventListener("webglcontextrestored", function () { window.location.reload(); });
  }

  Plot.prototype.show = function (view) {
    this.shown = view;
    this.scatter.points(view.places, view.dims);
    this.at = -1;
  };

  // Colours and states by row of the page become those of this view's points.
  Plot.prototype.paint = function (way, states) {
    var rows = this.shown.rows, n = rows.length;
    var colours = new Uint8Array(4 * n), shapes = new Uint8Array(n), own = new Uint8Array(n);
    for (var k = 0; k < n; k++) {
      var code = way.codes[rows[k]], paint = way.paints[code];
      colours[4 * k] = paint[0];
      colours[4 * k + 1] = paint[1];
      colours[4 * k + 2] = paint[2];
      colours[4 * k + 3] = 255;
      shapes[k] = way.legend[code].shape;
      own[k] = states[rows[k]];
    }
    this.scatter.looks(colours, shapes, own);
    this.later();
  };

  Plot.prototype.later = function () {
    if (this.waiting || !this.shown) return;
    this.waiting = true;
    requestAnimationFrame(function () { this.waiting = false; this.draw(); }.bind(this));
  };

  Plot.prototype.draw = function () {
    var ground = evenface.rgb(getComputedStyle(this.frame).getPropertyValue("--plot").trim() || "#ffffff");
    var n = this.shown.rows.length;
    var size = n > 20000 ? 3 : n > 1500 ? 5 : 8;
    this.scatter.draw(ground.map(function (c) { return c / 255; }), size);
    this.frame.dataset.frames = Number(this.frame.dataset.frames || 0) + 1;
  };

  Plot.prototype.rowsOf = function (points) {
    return points.map(function (k) { return this.shown.rows[k]; }, this);
  };

  Plot.prototype._pointer = function () {
    var canvas = this.canvas, down = new Map(), drawn = null, self = this, moved = 0;
    function place(event) {
      var box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    }
    canvas.addEventListener("pointerdown", function (event) {
      if (self.mode() === "look") return;
      canvas.setPointerCapture(event.pointerId);
      down.set(event.pointerId, place(event));
      moved = 0;
      drawn = down.size === 1 && (event.shiftKey || self.mode() !== "move") ? place(event) : null;
    });
    canvas.addEventListener("pointermove", function (event) {
      var now = place(event), before = down.get(event.pointerId);
      if (!before) { self._hover(now); return; }
      moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
      if (drawn) {
        drawn = self.mode() === "box" ? [drawn[0], drawn[1], now[0], drawn[1], now[0], now[1], drawn[0], now[1]] : drawn.concat(now);
        self._outline(drawn);
        return;
      }
      if (down.size === 2) self._pinch(down, event.pointerId, now);
      else self.scatter.move(now[0] - before[0], now[1] - before[1]);
      down.set(event.pointerId, now);
      self.told.hover(-1);
      self.later();
    });
    function up(event) {
      if (!down.delete(event.pointerId)) return;
      if (drawn && drawn.length > 4 && moved > 6) {
        self.told.select(self.rowsOf(self.scatter.inside(drawn)), event.ctrlKey || event.metaKey);
      } else if (moved < 6) {
        self._hover(place(event));
        if (drawn) self.told.select([], false);
      }
      drawn = null;
      self._outline([]);
    }
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", function () { if (!down.size) self.told.hover(-1); });
    canvas.addEventListener("wheel", function (event) {
      // A wheel over the plot scrolls the page, unless somebody works in the plot.
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      var at = place(event);
      self.scatter.zoom(Math.exp(-event.deltaY / 400), at[0], at[1]);
      self.later();
    }, { passive: false });
  };

  Plot.prototype._pinch = function (down, id, now) {
    var other = Array.from(down.keys()).find(function (k) { return k !== id; });
    var still = down.get(other), before = down.get(id);
    var apart = function (a) { return Math.hypot(a[0] - still[0], a[1] - still[1]) || 1; };
    this.scatter.zoom(apart(now) / apart(before), (now[0] + still[0]) / 2, (now[1] + still[1]) / 2);
  };

  Plot.prototype._outline = function (line) {
    var text = "";
    for (var k = 0; k < line.length; k += 2) text += (k ? "L" : "M") + line[k].toFixed(1) + " " + line[k + 1].toFixed(1);
    this.outline.setAttribute("d", text && text + "Z");
  };

  Plot.prototype._hover = function (place) {
    this.at = this.scatter.under(place[0], place[1], 12);
    this.told.hover(this.at < 0 ? -1 : this.shown.rows[this.at], place[0], place[1]);
  };

  // The next point in the view, in the order of rows, for those who don't point.
  Plot.prototype._walk = function (way) {
    this.scatter.project();
    for (var k = 1; k <= this.scatter.count; k++) {
      var next = (this.at + way * k + 2 * this.scatter.count) % this.scatter.count;
      var x = this.scatter.screen[2 * next], y = this.scatter.screen[2 * next + 1];
      if (x >= 0 && y >= 0 && x <= this.canvas.clientWidth && y <= this.canvas.clientHeight) {
        this.at = next;
        this.told.hover(this.shown.rows[next], x, y, true);
        return;
      }
    }
  };

  Plot.prototype.inView = function () {
    var w = this.canvas.clientWidth, h = this.canvas.clientHeight;
    return this.rowsOf(this.scatter.inside([0, 0, w, 0, w, h, 0, h]));
  };

  Plot.prototype.zoom = function (factor) {
    this.scatter.zoom(factor, this.canvas.clientWidth / 2, this.canvas.clientHeight / 2);
    this.later();
  };

  Plot.prototype._keys = function () {
    var self = this, moves = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    this.canvas.addEventListener("keydown", function (event) {
      if (event.altKey || event.metaKey || event.ctrlKey) return;
      var key = event.key;
      if (moves[key]) self.scatter.move(moves[key][0], moves[key][1]);
      else if (key === "+" || key === "=") self.zoom(1.3);
      else if (key === "-") self.zoom(1 / 1.3);
      else if (key === "0") self.scatter.reset();
      else if (key === "." || key === ",") self._walk(key === "." ? 1 : -1);
      else if (key === "a") self.told.select(self.inView(), false);
      else if (key === "Enter" && self.at >= 0) self.told.select([self.shown.rows[self.at]], true);
      else if (key === "Escape") { self.told.hover(-1); self.told.select([], false); }
      else return;
      event.preventDefault();
      self.later();
    });
  };

  // A picture of what is shown; a note stands on it where it must.
  Plot.prototype.picture = function (note) {
    this.draw();
    var made = document.createElement("canvas"), pen = made.getContext("2d");
    made.width = this.canvas.width;
    made.height = this.canvas.height;
    pen.drawImage(this.canvas, 0, 0);
    if (note) {
      pen.font = Math.round(made.width / 60) + "px sans-serif";
      pen.fillStyle = "#8A4B00";
      pen.fillText(note, made.width / 80, made.width / 40);
    }
    return made;
  };

  evenface.Plot = Plot;
})();
