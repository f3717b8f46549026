// What an open page does by itself. Without it the page is whole, only not live.
//
// <main data-live-url data-every data-gen>: while the tab is visible, the live parts are asked for every
// data-every ms. data-live="price.amount" shows a value of the answer, data-as says how. A part that is no
// longer fresh is marked: data-state="last" on the element with its data-part. When the answer's gen is not
// data-gen, the page has changed: it is fetched, and its data-swap elements are put into place.
"use strict";
(() => {
  const main = () => document.getElementById("main");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Numbers become text, digit by digit: 5.10 must not turn into 5.1, nor a long id into another.
  const parse = (json) => JSON.parse(json.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (m) => (m[0] === '"' ? m : `"${m}"`)));

  const walk = (value, steps) => steps.reduce((v, step) => (v && typeof v === "object" && Object.hasOwn(v, step) ? v[step] : undefined), value);

  // find reads "delivery.text" of the part delivery, or "price.amount" of whichever part has a price.
  function find(parts, path) {
    const steps = path.split(".");
    const own = walk(parts, [steps[0], "data", ...steps.slice(1)]);
    if (own !== undefined) return own;
    for (const part of Object.values(parts)) {
      const value = walk(part.data, steps);
      if (value !== undefined) return value;
    }
  }

  const plain = (value) => (typeof value === "string" ? value : "");

  const languages = (() => { try { return [...Intl.getCanonicalLocales(document.documentElement.lang), "en"]; } catch { return ["en"]; } })();

  // Amounts are written as the server writes them: by CLDR, with the currency's digits, unless that would round. A negative one is none.
  const decimal = (value) => /^\d+(?:\.(\d+))?$/.exec(plain(value));
  const unsigned = (value) => (/^-[\d.]+$/.test(plain(value)) ? "" : plain(value));
  const written = (text, digits, options) =>
    new Intl.NumberFormat(languages, { ...options, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(text);

  function number(value) {
    const match = decimal(value);
    return match ? written(match[0], (match[1] || "").length) : unsigned(value);
  }

  function money(value, currency) {
    const [text, fraction = ""] = decimal(value) || [];
    if (!text || !currency) return number(value);
    const style = { style: "currency", currency };
    try {
      const usual = new Intl.NumberFormat("en", style).resolvedOptions().maximumFractionDigits;
      return written(text, fraction.replace(/0+$/, "").length > usual ? fraction.length : usual, style);
    } catch {
      return `${number(text)}\u00a0${currency.toUpperCase()}`; // no code of a currency
    }
  }

  const currency = (el, parts) => plain(find(parts, "price.currency")) || el.closest("[data-currency]")?.dataset.currency;

  const setText = (el, text) => { if (el.textContent !== text) el.textContent = text; };

  const show = {
    text: (el, v) => setText(el, plain(v)),
    money: (el, v, parts) => setText(el, money(v, currency(el, parts))),
    list: (el, v, parts) => setText(el, decimal(v) && Number(v) > Number(find(parts, "price.amount")) ? money(v, currency(el, parts)) : ""),
    number: (el, v) => setText(el, number(v) && `${el.dataset.before || ""} ${number(v)}`.trim()),
    choice(el, v) {
      el.dataset.state = plain(v);
      const [day] = /^\d{4}-\d\d-\d\d(?=$|T)/.exec(v) || [];
      setText(el, /^(in|low|out|preorder|backorder)$/.test(v) ? el.dataset[v] : day ? el.dataset.day.replace("{}", day) : plain(v));
    },
    discount(el, v, parts) {
      const percent = Math.floor(100 - 100 * find(parts, "price.amount") / v + 1e-9);
      setText(el, percent > 0 && percent < 100 ? `−${percent}%` : "");
    },
    order(el, v) {
      el.disabled = v === "out";
      setText(el, v === "preorder" ? el.dataset.preorder : el.dataset.buy);
    },
    titles(el, v) {
      const titles = (Array.isArray(v) ? v : []).map((one) => plain(walk(one, ["title"]))).filter(Boolean);
      if (titles.join("\n") === all("li", el).map((li) => li.textContent).join("\n")) return;
      el.replaceChildren(...titles.map((title) => Object.assign(document.createElement("li"), { textContent: title })));
    },
    options(el, v, parts) {
      const list = Array.isArray(v) ? v : [];
      if (list.length !== el.options.length) {
        el.replaceChildren(...list.map((one) => new Option(plain(walk(one, ["name"])), plain(walk(one, ["id"])))));
      }
      const selected = plain(find(parts, el.dataset.selected || ""));
      if (selected && document.activeElement !== el) el.value = selected;
    },
  };

  let known = {}; // the parts as they came last

  function apply(parts) {
    known = parts;
    for (const box of all("[data-part]")) {
      const part = Object.hasOwn(parts, box.dataset.part) ? parts[box.dataset.part] : undefined;
      if (!part) continue;
      mark(box, part.state, part.at);
      for (const name of Array.isArray(part.refused) ? part.refused : []) forget(name);
      if (part.state === "hidden") continue;
      for (const el of all("[data-live]", box)) (show[el.dataset.as] || show.text)(el, find(parts, el.dataset.live), parts);
    }
  }

  // mark says how old a part is where it is not fresh.
  function mark(box, state, at) {
    box.dataset.state = state;
    const time = state === "last" && at ? new Date(at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }) : "";
    for (const el of all(".asof", box)) setText(el, time && `${main().dataset.asof} ${time}`);
  }

  const params = () => {
    const query = new URLSearchParams();
    for (const el of all("[data-param]")) {
      const chosen = el.value || remembered(el.dataset.param);
      if (chosen) query.set(el.dataset.param, chosen);
    }
    return query.size ? "?" + query : "";
  };
  const remembered = (name) => { try { return localStorage.getItem("vitrine." + name); } catch { return null; } };
  const remember = (name, value) => { try { localStorage.setItem("vitrine." + name, value); } catch { /* not allowed here */ } };

  // forget drops a value that a part refused: what was remembered may be older than what the shop takes now.
  function forget(name) {
    try { localStorage.removeItem("vitrine." + name); } catch { /* not allowed here */ }
    for (const el of all("[data-param]")) if (el.dataset.param === name) el.selectedIndex = -1;
  }

  let timer, failures = 0, refreshed = 0, pause = 0;

  async function tick() {
    clearTimeout(timer);
    const { liveUrl, every, gen } = main().dataset;
    if (!liveUrl || document.hidden) return;
    try {
      const answer = await fetch(liveUrl + params(), { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (answer.ok) {
        apply(parse(await answer.text()).parts);
        const now = answer.headers.get("X-Vitrine-Gen");
        if (now && now !== gen) await refresh(now);
      } else if (answer.status === 404 || answer.status === 410) {
        await refresh();
      } else {
        throw new Error(answer.status);
      }
      failures = 0;
    } catch {
      if (++failures > 1) for (const box of all("[data-part]")) mark(box, "last", known[box.dataset.part]?.at);
    }
    const wait = Math.min(30000, (Number(every) || 1000) * 2 ** Math.min(failures, 8));
    clearTimeout(timer);
    timer = setTimeout(tick, wait * (0.9 + Math.random() / 5));
  }

  // refresh puts the page as it is now into place. A cache on the way may still have the old one: then it
  // tries again less and less often.
  async function refresh(wanted) {
    if (Date.now() - refreshed < pause) return;
    refreshed = Date.now();
    const answer = await fetch(location.href, { cache: "no-cache", signal: AbortSignal.timeout(5000) });
    if (answer.status >= 500) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("main"), old = main();
    if (!next) return;
    const names = (root) => all("[data-swap]", root).map((el) => el.dataset.swap).join();
    if (names(next) !== names(old)) {
      swap(old, next);
      begin(next);
    } else {
      const fresh = all("[data-swap]", next);
      all("[data-swap]", old).forEach((el, i) => { if (!el.isEqualNode(fresh[i])) { swap(el, fresh[i]); begin(fresh[i]); } });
      old.dataset.gen = next.dataset.gen;
    }
    pause = next.dataset.gen === wanted ? 0 : Math.min(30000, pause * 2 || 1000);
    document.title = page.title;
    apply(known);
  }

  // swap puts next in the place of old. The focus stays at what it was at, and the gallery at its picture.
  function swap(old, next) {
    const active = document.activeElement, stops = "a[href], button, select, input, textarea, [tabindex]";
    const same = (el) => el.isEqualNode(active) || (el.id && el.id === active.id) || (el.dataset.param && el.dataset.param === active.dataset.param);
    const at = old.contains(active) ? all(stops, old).indexOf(active) : -1;
    const strip = old.querySelector(".strip");
    const shown = strip && all("img", strip)[Math.abs(Math.round(strip.scrollLeft / strip.clientWidth))]?.getAttribute("src");
    old.replaceWith(next);
    if (at >= 0) (all(stops, next).find(same) || all(stops, next)[at])?.focus({ preventScroll: true });
    const picture = shown && all(".strip img", next).find((img) => img.getAttribute("src") === shown);
    if (picture) turn(picture, "instant");
  }

  // turn shows a picture of the gallery, and marks its small one.
  function turn(picture, behavior) {
    document.documentElement.classList.add("looked");
    for (const link of all(".thumbs a")) {
      if (link.hash === "#" + picture.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    picture.parentElement.scrollTo({ left: picture.offsetLeft - picture.parentElement.offsetLeft, behavior });
  }

  // near calls f once, shortly before el comes into view, or when somebody jumps past it.
  function near(el, f) {
    const watcher = new IntersectionObserver((seen) => {
      if (seen.some((one) => one.isIntersecting)) {
        watcher.disconnect();
        f(el).catch(() => { /* the link, or the empty place, stays */ });
      }
    }, { rootMargin: "99999px 0px 400px" });
    watcher.observe(el);
  }

  function place(section, text) {
    if (text.textContent.trim() || text.querySelector("img, video, hr, table")) section.lastElementChild.replaceWith(text);
    else section.remove();
  }

  function fill(section, html) {
    const text = new DOMParser().parseFromString(html, "text/html").querySelector("article.text");
    if (text) place(section, text);
  }

  async function load(section) {
    const answer = await fetch(section.dataset.load);
    if (answer.ok) fill(section, await answer.text());
  }

  // Paper waits for nothing that is fetched meanwhile, so what nobody has come to yet is fetched in the browser's way.
  function print() {
    for (const section of all("[data-load]:has(> p > a)")) {
      const request = new XMLHttpRequest();
      request.open("GET", section.dataset.load, false);
      try { request.send(); } catch { return; }
      if (request.status === 200) fill(section, request.responseText);
    }
  }

  // offers are the blobs of products, by id.
  async function offers(url, ids) {
    const items = {};
    for (let i = 0; i < ids.length; i += 100) {
      const answer = await fetch(`${url}?ids=${ids.slice(i, i + 100).map(encodeURIComponent).join()}`);
      if (answer.ok) Object.assign(items, parse(await answer.text()).items);
    }
    return items;
  }

  // stocks says which of the options are sold out. Groups of options lead to the same products, so all are asked for at once.
  async function stocks(box) {
    const links = all("[data-id]", box);
    const items = await offers(box.dataset.stocks, [...new Set(links.map((link) => link.dataset.id))]);
    for (const link of links) {
      if (link.querySelector("small") || walk(items, [link.dataset.id, "data", "stock", "state"]) !== "out") continue;
      link.append(" ", Object.assign(document.createElement("small"), { textContent: box.dataset.out }));
    }
  }

  async function prices(list) {
    const cards = all("[data-card]", list);
    const items = await offers(list.dataset.blobs, cards.map((card) => card.dataset.card));
    for (const card of cards) {
      const price = walk(items, [card.dataset.card, "data", "price"]);
      setText(card, money(walk(price, ["amount"]), plain(walk(price, ["currency"])) || main().dataset.currency));
    }
  }

  // recent shows the products that were looked at last, and notes this one.
  function recent(section) {
    let seen = [];
    try { seen = JSON.parse(localStorage.getItem("vitrine.recent")) || []; } catch { /* not allowed here, or not ours */ }
    const path = section.dataset.recent;
    seen = (Array.isArray(seen) ? seen : []).filter((one) => /^\/(?!\/)/.test(one?.path) && one.path !== path).slice(0, 8);
    section.lastElementChild.replaceChildren(...seen.map(({ path, title, src }) => {
      const card = Object.assign(document.createElement("li"), { className: "card" });
      const link = Object.assign(document.createElement("a"), { href: path });
      if (src) link.append(Object.assign(document.createElement("img"), { src, alt: "", width: 200, height: 200, loading: "lazy" }));
      link.append(Object.assign(document.createElement("span"), { className: "name", textContent: title }));
      card.append(link);
      return card;
    }));
    section.hidden = !seen.length;
    const title = document.querySelector("h1")?.textContent;
    if (title) remember("recent", JSON.stringify([{ path, title, src: document.querySelector(".strip img")?.getAttribute("src") }, ...seen]));
  }

  // zoom shows a picture in its own size, until it is clicked or left.
  function zoom(picture) {
    const box = Object.assign(document.createElement("dialog"), { className: "zoom" });
    box.append(Object.assign(document.createElement("img"), { src: picture.getAttribute("src"), alt: picture.alt }));
    box.addEventListener("click", () => box.close());
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
  }

  async function share(button) {
    try {
      if (navigator.share) return await navigator.share({ title: document.title, url: location.href });
      await navigator.clipboard.writeText(location.href);
      setText(button, button.dataset.done);
    } catch { /* not wanted after all */ }
  }

  function begin(root) {
    for (const el of all("[data-recent]", root)) recent(el);
    for (const el of all("[data-load]", root)) near(el, load);
    for (const el of all("[data-blobs]", root)) near(el, prices);
    for (const el of all("[data-stocks]", root)) near(el, stocks);
  }

  const look = (event) => { if (event.target.closest?.(".gallery")) document.documentElement.classList.add("looked"); };
  for (const kind of ["pointerover", "touchstart", "wheel", "focusin"]) document.addEventListener(kind, look, { passive: true });

  document.addEventListener("click", (event) => {
    if (event.target.matches("[data-share]")) share(event.target);
    if (event.target.matches(".strip img")) zoom(event.target);
    const link = event.target.closest(".thumbs a");
    const picture = link && document.getElementById(link.hash.slice(1));
    if (!picture) return;
    event.preventDefault();
    turn(picture, matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth");
  });
  document.addEventListener("scroll", ({ target }) => {
    const count = target.matches?.(".strip") && target.parentElement.querySelector(".count");
    if (count) setText(count, `${Math.round(Math.abs(target.scrollLeft) / target.clientWidth) + 1} / ${target.children.length}`);
  }, { capture: true, passive: true });
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-filter]")) return;
    const wanted = target.value.toLowerCase();
    for (const li of all("li", target.parentElement)) li.hidden = !li.textContent.toLowerCase().includes(wanted);
  });
  document.addEventListener("change", (event) => {
    const { param } = event.target.dataset;
    if (!param) return;
    remember(param, event.target.value);
    tick();
  });
  addEventListener("beforeprint", print);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });

  begin(document);
  tick();
})();
