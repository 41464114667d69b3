"use strict";
// Points drawn by WebGL, flat or deep: where they are, how they look, and where they fall on screen.
var evenface = window.evenface || {};
window.evenface = evenface;
(function () {
  var VERTEX = [
    "#version 300 es",
    "in vec3 place; in vec4 colour; in float shape; in float state;",
    "uniform mat4 view; uniform float size; uniform float deep; uniform float pass;",
    "out vec4 paint; flat out int form; out float pixels;",
    "void main() {",
    "  gl_Position = view * vec4(place, 1.0);",
    "  float marked = step(2.5, state);",
    "  bool drawn = state > 0.5 && abs(marked - pass) < 0.5;",
    "  if (!drawn) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);",
    "  float near = deep > 0.5 ? 2.4 / gl_Position.w : 1.0;",
    "  pixels = max(size * near * (marked > 0.5 ? 1.7 : 1.0), 2.0);",
    "  gl_PointSize = pixels;",
    "  float alpha = state > 1.5 || state < 0.5 ? 0.88 : 0.16;",
    "  paint = vec4(colour.rgb, marked > 0.5 ? 1.0 : alpha);",
    "  form = int(shape + 0.5);",
    "}"
  ].join("\n");
  var FRAGMENT = [
    "#version 300 es",
    "precision highp float;",
    "in vec4 paint; flat in int form; in float pixels;",
    "uniform float pass; uniform vec3 rim;",
    "out vec4 seen;",
    "float away(vec2 p) {",
    "  vec2 a = abs(p);",
    "  if (form == 1) return max(a.x, a.y) - 0.78;",
    "  if (form == 2) return (a.x + a.y - 1.0) * 0.71;",
    "  if (form == 3) return max(a.x * 0.87 - p.y * 0.5, p.y) - 0.5;",
    "  if (form == 4) return max(a.x * 0.87 + p.y * 0.5, -p.y) - 0.5;",
    "  if (form == 5) return max(min(a.x, a.y) - 0.3, max(a.x, a.y) - 0.9);",
    "  if (form == 6) { vec2 q = abs(vec2(p.x + p.y, p.x - p.y)) * 0.71;",
    "    return max(min(q.x, q.y) - 0.27, max(q.x, q.y) - 0.95); }",
    "  if (form == 7) { float t = atan(p.x, -p.y);",
    "    return (length(p) - (0.62 + 0.3 * cos(5.0 * t))) * 0.7; }",
    "  return length(p) - 0.88;",
    "}",
    "void main() {",
    "  vec2 p = gl_PointCoord * 2.0 - 1.0;",
    "  float soft = 2.0 / pixels, d = away(p);",
    "  float inside = clamp(0.5 - d / soft, 0.0, 1.0);",
    "  if (inside < 0.05) discard;",
    "  float edge = pixels > 5.0 ? clamp(1.0 + d / soft, 0.0, 1.0) : 0.0;",
    "  vec3 shade = mix(paint.rgb, rim, edge * (pass > 0.5 ? 1.0 : 0.55));",
    "  seen = vec4(shade, paint.a * inside);",
    "}"
  ].join("\n");

  function program(gl) {
    var made = gl.createProgram();
    [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]].forEach(function (part) {
      var shader = gl.createShader(part[0]);
      gl.shaderSource(shader, part[1]);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    });
    ["place", "colour", "shape", "state"].forEach(function (name, at) { gl.bindAttribLocation(made, at, name); });
    gl.linkProgram(made);
    return gl.getProgramParameter(made, gl.LINK_STATUS) ? made : null;
  }

  // What a camera sees: column by column, as WebGL wants it.
  function flatView(camera, aspect) {
    var sx = camera.zoom / Math.max(aspect, 1), sy = camera.zoom * Math.min(aspect, 1);
    return new Float32Array([sx, 0, 0, 0, 0, sy, 0, 0, 0, 0, 0, 0, -camera.x * sx, -camera.y * sy, 0, 1]);
  }

  function deepView(camera, aspect) {
    var c = Math.cos(camera.turn), s = Math.sin(camera.turn), ct = Math.cos(camera.tilt), st = Math.sin(camera.tilt);
    var r = [c, s * st, s * ct, 0, ct, -st, -s, c * st, c * ct];
    var f = 2.3 * camera.zoom, fx = f / Math.max(aspect, 1), fy = f * Math.min(aspect, 1), back = 3.2;
    var m = new Float32Array(16);
    for (var k = 0; k < 3; k++) {
      m[4 * k] = fx * r[3 * k];
      m[4 * k + 1] = fy * r[3 * k + 1];
      m[4 * k + 2] = -1.4 * r[3 * k + 2];
      m[4 * k + 3] = -r[3 * k + 2];
    }
    m[14] = 1.4 * back - 2.4;
    m[15] = back;
    return m;
  }

  function Scatter(canvas) {
    this.canvas = canvas;
    // Points have soft edges of their own.
    this.gl = canvas.getContext("webgl2", { antialias: false, alpha: false });
    this.program = this.gl && program(this.gl);
    if (!this.program) { this.gl = null; return; }
    this.buffers = [0, 1, 2, 3].map(this.gl.createBuffer, this.gl);
    this.count = 0;
    this.dims = 2;
    this.reset();
  }

  Scatter.prototype.reset = function () {
    this.camera = { x: 0, y: 0, zoom: this.dims === 2 ? 0.95 : 1, turn: 0.6, tilt: 0.45 };
  };

  Scatter.prototype.points = function (places, dims) {
    var turned = dims !== this.dims;
    this.places = places;
    this.dims = dims;
    this.count = places.length / 3;
    this.screen = new Float32Array(2 * this.count);
    this.depth = new Float32Array(this.count);
    this._fill(0, places, 3, this.gl.FLOAT, false);
    if (turned) this.reset();
  };

  Scatter.prototype.looks = function (colours, shapes, states) {
    this.states = states;
    this.marked = states.indexOf(3) >= 0;
    this._fill(1, colours, 4, this.gl.UNSIGNED_BYTE, true);
    this._fill(2, shapes, 1, this.gl.UNSIGNED_BYTE, false);
    this._fill(3, states, 1, this.gl.UNSIGNED_BYTE, false);
  };

  Scatter.prototype._fill = function (at, values, size, type, normal) {
    var gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[at]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, normal, 0, 0);
  };

  Scatter.prototype.view = function () {
    var aspect = this.canvas.clientWidth / Math.max(this.canvas.clientHeight, 1);
    return (this.dims === 2 ? flatView : deepView)(this.camera, aspect);
  };

  Scatter.prototype.draw = function (ground, size) {
    var gl = this.gl, ratio = Math.min(window.devicePixelRatio || 1, 2);
    var width = Math.round(this.canvas.clientWidth * ratio), height = Math.round(this.canvas.clientHeight * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    gl.viewport(0, 0, width, height);
    gl.clearColor(ground[0], ground[1], ground[2], 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (!this.count) return;
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    (this.dims === 3 ? gl.enable : gl.disable).call(gl, gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    var at = function (name) { return gl.getUniformLocation(this.program, name); }.bind(this);
    gl.uniformMatrix4fv(at("view"), false, this.view());
    gl.uniform1f(at("size"), size * ratio);
    gl.uniform1f(at("deep"), this.dims === 3 ? 1 : 0);
    (this.marked ? [0, 1] : [0]).forEach(function (pass) {
      var rim = pass ? [1 - ground[0], 1 - ground[1], 1 - ground[2]] : ground;
      gl.uniform1f(at("pass"), pass);
      gl.uniform3fv(at("rim"), rim);
      if (pass) gl.disable(gl.DEPTH_TEST);
      gl.drawArrays(gl.POINTS, 0, this.count);
    }, this);
  };

  // Where every point falls, in pixels of the page; hidden ones fall nowhere.
  Scatter.prototype.project = function () {
    var m = this.view(), p = this.places, width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    for (var k = 0; k < this.count; k++) {
      var x = p[3 * k], y = p[3 * k + 1], z = p[3 * k + 2];
      var w = m[3] * x + m[7] * y + m[11] * z + m[15];
      var seen = this.states[k] > 0 && w > 0;
      this.screen[2 * k] = seen ? ((m[0] * x + m[4] * y + m[8] * z + m[12]) / w + 1) * width / 2 : NaN;
      this.screen[2 * k + 1] = seen ? (1 - (m[1] * x + m[5] * y + m[9] * z + m[13]) / w) * height / 2 : NaN;
      this.depth[k] = w;
    }
  };

  // The point under a place: the nearest to it, of those as near the one in front.
  Scatter.prototype.under = function (x, y, reach) {
    this.project();
    var best = -1, least = reach * reach;
    for (var k = 0; k < this.count; k++) {
      var dx = this.screen[2 * k] - x, dy = this.screen[2 * k + 1] - y, d = dx * dx + dy * dy;
      if (d < least || (d < least + 4 && best >= 0 && this.depth[k] < this.depth[best] - 0.05)) {
        best = k;
        least = Math.min(d, least);
      }
    }
    return best;
  };

  // Which points lie inside an outline of the page's pixels: [x, y, x, y ...].
  Scatter.prototype.inside = function (outline) {
    this.project();
    var found = [], n = outline.length;
    for (var k = 0; k < this.count; k++) {
      var x = this.screen[2 * k], y = this.screen[2 * k + 1], odd = false;
      if (!(x === x)) continue;
      for (var i = 0, j = n - 2; i < n; j = i, i += 2) {
        var crosses = (outline[i + 1] > y) !== (outline[j + 1] > y);
        if (crosses && x < (outline[j] - outline[i]) * (y - outline[i + 1]) / (outline[j + 1] - outline[i + 1]) + outline[i]) odd = !odd;
      }
      if (odd) found.push(k);
    }
    return found;
  };

  Scatter.prototype.move = function (dx, dy) {
    var c = this.camera, height = Math.max(this.canvas.clientHeight, 1), width = Math.max(this.canvas.clientWidth, 1);
    if (this.dims === 3) {
      c.turn -= 5 * dx / Math.max(width, height);
      c.tilt = Math.max(-1.5, Math.min(1.5, c.tilt - 5 * dy / Math.max(width, height)));
    } else {
      var unit = 2 / (Math.min(width, height) * c.zoom);
      c.x -= dx * unit;
      c.y += dy * unit;
    }
  };

  // Zoom about a place of the page, which stays where it is.
  Scatter.prototype.zoom = function (factor, x, y) {
    var c = this.camera, before = c.zoom;
    c.zoom = Math.max(0.3, Math.min(200, c.zoom * factor));
    if (this.dims === 3 || x === undefined) return;
    var width = this.canvas.clientWidth, height = this.canvas.clientHeight, short_ = Math.min(width, height);
    var away = 2 / short_ * (1 / before - 1 / c.zoom);
    c.x += (x - width / 2) * away;
    c.y -= (y - height / 2) * away;
  };

  evenface.Scatter = Scatter;
})();
