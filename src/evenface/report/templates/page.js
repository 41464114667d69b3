"use strict";
(function () {
  document.documentElement.classList.add("js");

  // Contents: always open beside the text, folded on narrow screens.
  var contents = document.getElementById("contents");
  var wide = window.matchMedia("(min-width: 1000px)");
  function fold() { contents.open = wide.matches; }
  fold();
  wide.addEventListener("change", fold);
  contents.addEventListener("click", function (event) {
    if (event.target.closest("a") && !wide.matches) contents.open = false;
  });

  // One probe's matrix at a time.
  var probe = document.getElementById("transfer-probe");
  if (probe) {
    document.getElementById("probe-controls").hidden = false;
    var show = function () {
      document.querySelectorAll(".for-probe").forEach(function (block) {
        block.hidden = block.dataset.probe !== probe.value;
      });
    };
    probe.addEventListener("change", show);
    show();
  }

  // Paper can't be unfolded.
  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.from(document.querySelectorAll("main details:not([open])"));
    folded.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (d) { d.open = false; });
  });

  // Where the reader is.
  var links = new Map();
  document.querySelectorAll(".contents a").forEach(function (a) {
    links.set(a.getAttribute("href").slice(1), a);
  });
  var seen = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (!entry.isIntersecting) return;
      links.forEach(function (a) { a.removeAttribute("aria-current"); });
      var link = links.get(entry.target.getAttribute("aria-labelledby"));
      if (link) link.setAttribute("aria-current", "true");
    });
  }, { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("main > section").forEach(function (s) { seen.observe(s); });
})();
