(function () {
  var page = document;
  var own = page.currentScript && page.currentScript.src;
  var base = own ? own.replace(/\/javascripts\/embed\.js.*$/, "") : "";
  var caller, latest;
  function text(value) {
    return value === undefined || value === null ? "" : String(value);
  }
  function render(asked) {
    var kind = text(asked.kind) || "graph";
    var timeframe = text(asked.tf) || "week_compare";
    var keys = [asked.s1, asked.s2, asked.s3].map(text);
    var place = page.createElement("div");
    place.id = "statd_embed_" + kind + "_" + keys.concat([asked.w, asked.h, timeframe, asked.style].map(text)).join("_");
    var here = page.currentScript;
    if (here && page.body && page.body.contains(here)) {
      var before = latest && here === caller ? latest : here;
      before.parentNode.insertBefore(place, before.nextSibling);
      latest = place;
      caller = here;
    } else page.body.appendChild(place);
    var query = [["w", asked.w], ["h", asked.h], ["tf", timeframe], ["style", asked.style], ["title", asked.title]]
      .filter(function (pair) { return text(pair[1]) !== ""; })
      .map(function (pair) { return pair[0] + "=" + encodeURIComponent(text(pair[1])); });
    var script = page.createElement("script");
    script.src = base + "/embed/" + [kind].concat(keys.filter(Boolean)).map(encodeURIComponent).join("/") + "?" + query.join("&");
    script.async = true;
    (page.head || page.body).appendChild(script);
  }
  function of(kind) {
    return function (asked) {
      var copy = { kind: kind };
      Object.keys(asked).forEach(function (name) { if (name !== "kind") copy[name] = asked[name]; });
      render(copy);
    };
  }
  window.StatHatEmbed = {
    render: render,
    render_graph: of("graph"),
    render_histogram: of("histogram"),
    render_data: of("data"),
    render_table: of("table"),
    render_text: of("text")
  };
})();
