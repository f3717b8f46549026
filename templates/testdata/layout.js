// The faults of the open page's layout, as a list of texts.
(() => {
  const faults = [];
  const what = (el) => el.tagName.toLowerCase() + [...el.classList].map((c) => "." + c).join("") + " “" + el.textContent.trim().slice(0, 30) + "”";
  const wide = document.documentElement.clientWidth;
  const scrolled = document.scrollingElement.scrollWidth;
  if (scrolled > wide) faults.push(`scrolls sideways: ${scrolled} of ${wide} pixels`);

  const body = [...document.querySelectorAll("body *")].filter((el) => el.checkVisibility({ visibilityProperty: true }) && !el.matches("script, .skip, .asof, option, select *"));
  const style = new Map(body.map((el) => [el, getComputedStyle(el)]));
  const box = (el) => el.getBoundingClientRect();
  const clips = (el) => style.has(el) && /auto|scroll|hidden|clip/.test(style.get(el).overflowX);
  const inScroller = (el) => { for (let up = el.parentElement; up; up = up.parentElement) if (clips(up)) return true; return false; };
  const shown = "img, select, input, textarea, svg, video, hr";

  for (const el of body) {
    const { left, right, width, height } = box(el), s = style.get(el);
    if (width && !inScroller(el) && (right > wide + 1 || left < -1)) faults.push(`stands out: ${what(el)} from ${left} to ${right}`);
    // Cut: what is hidden and can't be scrolled to.
    const hides = s.overflowX === "hidden" && el.scrollWidth > el.clientWidth + 1 || s.overflowY === "hidden" && el.scrollHeight > el.clientHeight + 2;
    if (hides && s.display !== "inline" && !el.matches(".thumbs a")) faults.push(`is cut: ${what(el)}`);
    // Empty: a box, a heading or a hole without anything to see.
    if (height > 4 && width > 4 && !s.display.startsWith("inline") && !el.matches(shown) && !el.innerText.trim() && !el.querySelector(shown)) faults.push(`is empty: ${what(el)} ${width} × ${height}`);
    if (/^H[1-6]$/.test(el.tagName)) {
      const next = el.parentElement.innerText.trim() === el.innerText.trim() && el.parentElement.matches("section, .choice") && !el.parentElement.querySelector(shown);
      if (next) faults.push(`has nothing below it: ${what(el)}`);
    }
  }
  for (const el of document.querySelectorAll(".card .price")) if (el.textContent && !el.checkVisibility()) faults.push(`is not shown: ${what(el)}`);
  // Over each other: siblings of which neither is out of the flow.
  for (const parent of new Set(body.map((el) => el.parentElement))) {
    const children = [...parent.children].filter((el) => style.has(el) && !/absolute|fixed|sticky/.test(style.get(el).position) && style.get(el).display !== "inline" && box(el).width && box(el).height);
    for (let i = 1; i < children.length; i++) {
      const a = box(children[i - 1]), b = box(children[i]);
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1) faults.push(`lie over each other: ${what(children[i - 1])} and ${what(children[i])}`);
    }
  }
  return [...new Set(faults)];
})()
