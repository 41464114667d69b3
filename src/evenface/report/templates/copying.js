"use strict";
// Tables copied as Markdown, CSV or LaTeX: what is read, with intervals beside their numbers.
(function () {
  var said = document.createElement("p");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  document.body.appendChild(said);

  function words(cell) { return cell.innerText.replace(/\s+/g, " ").trim(); }

  // Rows of text; a cell over several columns stands in the first of them.
  function lines(table) {
    return Array.from(table.rows, function (row) {
      var found = [];
      Array.from(row.cells).forEach(function (cell) {
        found.push(words(cell));
        for (var k = 1; k < cell.colSpan; k++) found.push("");
      });
      return found;
    }).filter(function (row) { return row.length; });
  }

  function markdown(rows) {
    var cells = rows.map(function (row) { return row.map(function (t) { return t.replace(/[\\|<*_`]/g, "\\$&"); }); });
    var rule = cells[0].map(function (_, k) { return k ? "---:" : "---"; });
    return [cells[0], rule].concat(cells.slice(1)).map(function (row) { return "| " + row.join(" | ") + " |"; }).join("\n");
  }

  // A number, its interval, and the mark of a footnote.
  var NUMBER = /^[+-][\d.,\s]+%?( by definition| *\[[-+\d.,\s%]+\])?[^\w=@+\-|!(]*$/;

  function csv(rows) {
    return rows.map(function (row) {
      return row.map(function (t) {
        t = t.replace(/\u2212/g, "-");
        // A label that a spreadsheet would compute is made text.
        if (/^[=@\t\r+-]/.test(t) && !NUMBER.test(t)) t = "'" + t;
        return /[",\n]/.test(t) ? '"' + t.replace(/"/g, '""') + '"' : t;
      }).join(",");
    }).join("\n");
  }

  var ESCAPED = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "$<$", ">": "$>$", "\u2212": "$-$", "\u2013": "--", "\u2026": "\\ldots{}", "\u00a0": "~", "\u00d7": "$\\times$", "\u00b1": "$\\pm$", "\u00b7": "$\\cdot$", "\u2020": "$\\dagger$", "\u2021": "$\\ddagger$", "\u2192": "$\\rightarrow$", "\u2193": "$\\downarrow$" };

  function latex(rows) {
    var body = rows.map(function (row) {
      return row.map(function (t) {
        return t.replace(/[\\~^<>\u2212\u2013\u2026\u00a0\u00d7\u00b1\u00b7\u2020\u2021\u2192\u2193]|[&%$#_{}]/g, function (c) { return ESCAPED[c] || "\\" + c; });
      }).join(" & ") + " \\\\";
    });
    var columns = rows[0].map(function (_, k) { return k ? "r" : "l"; }).join("");
    return ["\\begin{tabular}{" + columns + "}", "\\toprule", body[0], "\\midrule"].concat(body.slice(1), "\\bottomrule", "\\end{tabular}").join("\n");
  }

  var FORMS = { Markdown: markdown, CSV: csv, LaTeX: latex };

  // Where the clipboard is closed to the page, the text is there to be copied by hand.
  function byHand(text, box) {
    var area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.rows = 6;
    area.setAttribute("aria-label", "The table as text, to be copied");
    area.addEventListener("blur", function () { area.remove(); });
    box.after(area);
    area.focus();
    area.select();
    return document.execCommand("copy");
  }

  function copy(text, form, box) {
    var done = function () {
      said.textContent = "copied as " + form;
      box.dataset.copied = form;
      window.setTimeout(function () { said.textContent = ""; delete box.dataset.copied; }, 4000);
    };
    if (!navigator.clipboard) { if (byHand(text, box)) done(); return; }
    navigator.clipboard.writeText(text).then(done, function () { if (byHand(text, box)) done(); });
  }

  document.querySelectorAll("main table").forEach(function (table) {
    var box = document.createElement("div");
    var name = table.caption ? words(table.caption) : (table.closest("[aria-label]") || table).getAttribute("aria-label") || "this table";
    box.className = "copy";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Copy the table \u201c" + name + "\u201d");
    Object.keys(FORMS).forEach(function (form) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = form;
      button.setAttribute("aria-label", "Copy as " + form);
      button.addEventListener("click", function () { copy(FORMS[form](lines(table)), form, box); });
      box.appendChild(button);
    });
    (table.closest(".scroll") || table).after(box);
  });
  window.evenface = window.evenface || {};
  window.evenface.tableAs = function (table, form) { return FORMS[form](lines(table)); };
})();
