// What the CLDR of a browser holds on amounts and on the direction of writing, in the form of cldr.json.
(() => {
  const letters = [..."abcdefghijklmnopqrstuvwxyz"], pairs = letters.flatMap((a) => letters.map((b) => a + b));
  const known = (tag) => new Intl.NumberFormat(tag).resolvedOptions().locale === tag;
  const languages = pairs.filter(known).concat("fil");
  const tags = languages.concat(languages.flatMap((l) => pairs.map((region) => `${l}-${region.toUpperCase()}`)), "zh-Hant", "zh-Hant-HK", "sr-Latn").filter(known);
  const currencies = Intl.supportedValuesOf("currency");

  // The number's parts become {}, the sign ¤ if it is to.
  function pattern(tag, options, value, mark = "¤") {
    const parts = new Intl.NumberFormat(tag, options).formatToParts(value);
    const first = parts.findIndex((p) => p.type === "integer"), last = parts.findLastIndex((p) => /integer|fraction/.test(p.type));
    const text = parts.map((p, i) => (p.type === "currency" ? mark || p.value : i === first ? "{}" : i > first && i <= last ? "" : p.value)).join("");
    const of = (type) => parts.find((p) => p.type === type)?.value ?? "";
    return { text, of, groups: parts.filter((p) => p.type === "integer").map((p) => p.value.length) };
  }

  function format(tag) {
    const number = pattern(tag, {}, 1234567.5), dollar = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" };
    const money = pattern(tag, dollar, 1234567.5), digits = new Intl.NumberFormat(tag, { useGrouping: false });
    const f = { money: money.text, group: number.of("group"), point: number.of("decimal") };
    const native = [...Array(10).keys()].map((d) => digits.format(d)).join("");
    if (native !== "0123456789") f.digits = native;
    if (money.of("group") !== f.group) f.moneyGroup = money.of("group");
    if (money.of("decimal") !== f.point) f.moneyPoint = money.of("decimal");
    if (number.groups.join() === "2,2,3") f.second = 2;
    if (f.second && money.groups.join() !== "2,2,3") f.moneySecond = 3;
    if (!pattern(tag, {}, 1234).of("group")) f.least = 5;
    return f;
  }

  // What stands in the place of the pattern's ¤, without the space that keeps a letter from the number.
  function sign(tag, currency, money) {
    const [before, after] = money.split("¤"), { text } = pattern(tag, { style: "currency", currency }, 1, "");
    // Some locales write one currency by another pattern: of that, only the sign is taken.
    if (!text.startsWith(before) || !text.endsWith(after)) return text.replace("{}", "").trim();
    return text.slice(before.length, text.length - after.length).trim();
  }
  const formats = new Map(tags.map((tag) => [tag, format(tag)]));
  const signs = new Map(tags.map((tag) => [tag, Object.fromEntries(currencies.map((c) => [c, sign(tag, c, formats.get(tag).money)]))]));
  const usual = {};
  for (const c of currencies) {
    const count = {};
    for (const tag of languages) if (signs.has(tag)) count[signs.get(tag)[c]] = (count[signs.get(tag)[c]] || 0) + 1;
    usual[c] = Object.entries(count).sort((a, b) => b[1] - a[1])[0][0];
  }
  const parent = (tag) => { for (let at = tag.lastIndexOf("-"); at > 0; at = tag.lastIndexOf("-", at - 1)) if (signs.has(tag.slice(0, at))) return tag.slice(0, at); };
  const others = (mine, theirs) => Object.fromEntries(Object.entries(mine).filter(([c, text]) => text !== theirs[c]));

  const rightToLeft = (tag) => new Intl.Locale(tag).getTextInfo().direction === "rtl";
  const scripts = ["Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg", "Mand", "Samr", "Latn", "Cyrl", "Deva"];
  const rtl = pairs.concat(pairs.flatMap((pair) => letters.map((c) => pair + c))).filter(rightToLeft);

  const out = { digits: {}, rtl: rtl.concat(scripts.filter((s) => rightToLeft("und-" + s))), signs: Object.fromEntries(Object.entries(usual).filter(([c, text]) => c !== text)), locales: {} };
  for (const c of currencies) {
    const n = new Intl.NumberFormat("en", { style: "currency", currency: c }).resolvedOptions().maximumFractionDigits;
    if (n !== 2) out.digits[c] = n;
  }
  for (const tag of tags) {
    const up = parent(tag), mine = formats.get(tag), differing = others(signs.get(tag), up ? signs.get(up) : usual);
    if (up && !Object.keys(differing).length && JSON.stringify(mine) === JSON.stringify(formats.get(up))) continue;
    if (Object.keys(differing).length) mine.signs = differing;
    out.locales[tag.toLowerCase()] = mine;
  }
  return out;
})()
