// What is wrong with the page for those who use a keyboard, a screen reader, a small window or weak eyes.
(() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const name = (element) => element.outerHTML.slice(0, 120);
  const fault = (what, element) => faults.push(element ? `${what}: ${name(element)}` : what);

  if (document.documentElement.scrollWidth > window.innerWidth) {
    const wide = all("body *").find((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest("thead, .skip"));
    fault("wider than the window", wide);
  }
  if (!document.documentElement.lang) fault("no language");
  if (!document.title.trim()) fault("no title");
  for (const only of ["h1", "main"]) if (all(only).length !== 1) fault(`not one ${only}`);
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) fault("a level of headings is left out", heading);
    level = next;
  }
  for (const table of all("table")) {
    if (!table.caption?.textContent.trim()) fault("no caption", table);
    if (table.getAttribute("role") !== "table") fault("no role, which a narrow layout takes away", table);
    const columns = table.tHead.rows[0].cells.length;
    for (const row of table.rows) if (row.cells.length !== columns) fault("cells and columns differ", row);
    for (const cell of table.querySelectorAll("th")) if (!cell.scope) fault("no scope", cell);
    for (const row of table.tBodies[0].rows) if (!row.querySelector("th[scope=row]")) fault("no header of the row", row);
  }
  for (const image of all("img")) if (!image.alt.trim()) fault("no alternative text", image);
  for (const control of all("a, button")) {
    const pictures = [...control.querySelectorAll("img")].map((image) => image.alt).join("");
    if (!(control.getAttribute("aria-label") || control.textContent.trim() || pictures)) fault("no name", control);
    const label = control.getAttribute("aria-label");
    if (label && !label.includes(control.textContent.trim())) fault("called otherwise than it reads", control);
    if (control.tabIndex < 0) fault("not to be reached by keyboard", control);
  }
  for (const link of all("a[href^='#'], a[href*='#node-']")) {
    const url = new URL(link.href);
    if (url.pathname === location.pathname && !document.getElementById(decodeURIComponent(url.hash.slice(1)))) fault("leads nowhere", link);
  }
  const ids = all("[id]").map((element) => element.id);
  if (new Set(ids).size !== ids.length) fault("an id stands twice");
  for (const state of all(".state")) if (!/^(ok|warn|unseen|alarm)$/.test(state.textContent.trim())) fault("a state without its word", state);
  if (all("script:not([src='/reader.js']), [style], style, iframe, object, embed").length) fault("something that the policy forbids");
  if (all("*").some((e) => [...e.attributes].some((a) => a.name.startsWith("on")))) fault("an event handler");

  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  for (const element of all("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) fault(`contrast ${contrast.toFixed(2)}`, element);
  }
  return faults;
})();
