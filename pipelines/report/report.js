// Reading values off a chart: a line and a box follow the pointer, the arrow keys or a finger.
for (const figure of document.querySelectorAll("figure.chart")) {
  const plots = figure.querySelector(".plots");
  const { x: sessions, s: series } = JSON.parse(figure.querySelector("script").textContent);
  const text = {
    percent: (v) => `${(100 * v).toFixed(Math.abs(v) < 0.1 ? 2 : 1)} %`,
    dollars: (v) => `${v < 0 ? "−" : ""}$${Math.abs(v).toLocaleString("en-US", { maximumFractionDigits: 0 })}`,
    number: (v) => Number(v.toPrecision(5)).toLocaleString("en-US"),
  };
  let cursors = [], tip = null, place = sessions.length - 1;

  const make = (tag, kind, parent, words = "") => {
    const made = document.createElement(tag);
    made.className = kind;
    made.textContent = words;
    parent.append(made);
    return made;
  };
  const hide = () => { cursors.forEach((c) => c.remove()); tip?.remove(); cursors = []; tip = null; };
  const show = (at) => {
    place = Math.max(0, Math.min(sessions.length - 1, at));
    const share = sessions.length > 1 ? place / (sessions.length - 1) : 0.5;
    hide();
    for (const plot of plots.querySelectorAll(".plot")) {
      const cursor = make("div", "cursor", plot);
      cursor.style.left = `${100 * share}%`;
      cursors.push(cursor);
    }
    tip = make("div", "tip", plots);
    make("b", "", tip, sessions[place]);
    for (const [name, colour, unit, values] of series) {
      if (values[place] === null || values[place] === undefined) continue;
      const row = make("span", "", tip);
      make("em", "", row, name).style.setProperty("--k", `var(${colour})`);
      make("b", "", row, text[unit](values[place]).replace("-", "−"));
    }
    const box = plots.querySelector(".plot").getBoundingClientRect(), outer = plots.getBoundingClientRect();
    const line = box.left - outer.left + share * box.width;
    const left = line + 14 + tip.offsetWidth > outer.width ? line - 14 - tip.offsetWidth : line + 14;
    tip.style.left = `${Math.max(0, Math.min(left, outer.width - tip.offsetWidth))}px`;
  };
  const at = (event) => {
    const box = plots.querySelector(".plot").getBoundingClientRect();
    show(Math.round(((event.clientX - box.left) / box.width) * (sessions.length - 1)));
  };
  plots.tabIndex = 0;
  plots.addEventListener("pointermove", at);
  plots.addEventListener("pointerdown", at);
  plots.addEventListener("pointerleave", hide);
  plots.addEventListener("blur", hide);
  plots.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(place + (tip ? step : 0));
  });
}
