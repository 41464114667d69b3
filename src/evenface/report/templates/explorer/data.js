"use strict";
// What the page carries for its maps, unpacked: rows, labels, and views of them.
(function () {
  function bytes(text) {
    var raw = atob(text), found = new Uint8Array(raw.length);
    for (var k = 0; k < raw.length; k++) found[k] = raw.charCodeAt(k);
    return found;
  }

  function whole(kind, text) { return new kind(bytes(text).buffer); }

  // Whole numbers back to places; all axes of a view have one scale.
  function places(view) {
    var packed = whole(Int16Array, view.places), dims = view.dims, n = packed.length / dims;
    var found = new Float32Array(3 * n);
    for (var k = 0; k < n; k++) {
      for (var d = 0; d < Math.min(dims, 3); d++) found[3 * k + d] = packed[dims * k + d] / 32000;
    }
    return found;
  }

  function rgb(text) {
    return [1, 3, 5].map(function (k) { return parseInt(text.slice(k, k + 2), 16); });
  }

  evenface.rgb = rgb;
  evenface.unpack = function (data) {
    data.colours.forEach(function (way) {
      way.codes = whole(Uint8Array, way.codes);
      way.hidden = new Set();
      way.paints = way.legend.map(function (entry) { return rgb(entry.colour); });
    });
    data.facts.forEach(function (fact) { fact.codes = whole(Uint32Array, fact.codes); });
    data.views.forEach(function (view) {
      view.rows = whole(Uint32Array, view.rows);
      view.places = places(view);
    });
    return data;
  };
})();
