(function (places, tree, inline) {
  var page = document;
  var script = page.currentScript;
  function make(node, space) {
    if (typeof node === "string") return page.createTextNode(node);
    if (node[0] === "svg") space = "http://www.w3.org/2000/svg";
    var made = space ? page.createElementNS(space, node[0]) : page.createElement(node[0]);
    Object.keys(node[1]).forEach(function (name) {
      var value = node[1][name];
      if (name !== "style") made.setAttribute(name, value);
      else Object.keys(value).forEach(function (one) { made.style[one] = value[one]; });
    });
    node.slice(2).forEach(function (child) { made.appendChild(make(child, space)); });
    return made;
  }
  function find() {
    var known, all = page.getElementsByTagName("div");
    for (var at = 0; at < all.length; at++) {
      if (places.indexOf(all[at].id) < 0) continue;
      if (!all[at].firstChild) return all[at];
      known = known || all[at];
    }
    return known;
  }
  function put() {
    var place = find();
    if (!place) {
      place = page.createElement("div");
      if (script && page.body && page.body.contains(script)) script.parentNode.insertBefore(place, script);
      else page.body.appendChild(place);
    }
    place.style.display = inline ? "inline" : "";
    while (place.firstChild) place.removeChild(place.firstChild);
    place.appendChild(make(tree));
  }
  if (page.body) put();
  else page.addEventListener("DOMContentLoaded", put);
})
