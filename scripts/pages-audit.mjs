// The checks of scripts/pages-audit. One line for each finding, one at the end for each page; exit code 1
// where something was found.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { HtmlValidate } from "html-validate";
import { chromium } from "playwright-core";
import lighthouse, { desktopConfig } from "lighthouse";

const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const urls = process.argv.slice(2).filter((a) => a !== "--lighthouse");
const withLighthouse = process.argv.includes("--lighthouse");
let found = 0;

const finding = (url, text) => { found++; console.log(`${url}  ${text}`); };

async function validate(url) {
  const body = await (await fetch(url)).text();
  const rules = { "long-title": "off", "no-trailing-whitespace": "off" }; // a shop's names and texts are as long as they are
  const report = await new HtmlValidate({ extends: ["html-validate:recommended"], rules }).validateString(body);
  for (const m of report.results.flatMap((r) => r.messages)) finding(url, `html ${m.line}:${m.column} ${m.ruleId}: ${m.message}`);
}

async function axe(browser, url) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const where = `${colorScheme} ${width}`;
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
      const page = await context.newPage();
      page.on("pageerror", (e) => finding(url, `${where} script error: ${e.message}`));
      page.on("console", (m) => {
        const own = m.location().url === url; // a page that is gone says so to the console
        if (m.type() === "error" && !(own && /status of 4(04|10)/.test(m.text()))) finding(url, `${where} console: ${m.text()}`);
      });
      await page.goto(url);
      await page.waitForTimeout(1500); // live parts are in
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) finding(url, `${where} is ${wide} pixels wider than the window`);
      await page.evaluate(axeSource);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      for (const v of violations) {
        const line = `${where} axe ${v.impact} ${v.id}: ${v.nodes.length} × ${v.nodes[0].target}`;
        if (["serious", "critical"].includes(v.impact)) finding(url, line); else console.log(`${url}  note: ${line}`);
      }
      await context.close();
    }
  }
}

// The best of three, since a busy machine only ever makes it worse.
async function light(url, config, name) {
  const port = 9300 + Math.floor(Math.random() * 500);
  let best, failed;
  for (let i = 0; i < 3; i++) {
    const browser = await chromium.launch({ executablePath, args: [...flags, `--remote-debugging-port=${port}`] });
    const { lhr } = await lighthouse(url, { port, logLevel: "error" }, config);
    await browser.close();
    const scores = Object.values(lhr.categories).map((c) => Math.round(c.score * 100));
    if (!best || Math.min(...scores) > Math.min(...best.scores)) {
      best = { scores, names: Object.keys(lhr.categories), shift: lhr.audits["cumulative-layout-shift"].numericValue };
      failed = Object.values(lhr.categories).flatMap((c) => c.auditRefs.filter((r) => r.weight && lhr.audits[r.id].score !== null && lhr.audits[r.id].score < 0.9).map((r) => r.id));
    }
    if (best.shift === 0 && Math.min(...best.scores) >= 95) break;
  }
  console.log(`${url}  lighthouse ${name}: ${best.names.map((n, i) => `${n} ${best.scores[i]}`).join(", ")}, layout shift ${best.shift}${failed.length ? `; below 90: ${failed.join(", ")}` : ""}`);
  if (Math.min(...best.scores) < 95 || best.shift > 0) finding(url, `lighthouse ${name} is below 95 or the layout shifts`);
}

const browser = await chromium.launch({ executablePath, args: flags });
for (const url of urls) {
  const before = found;
  await validate(url);
  await axe(browser, url);
  if (withLighthouse) {
    await light(url, undefined, "mobile");
    await light(url, desktopConfig, "desktop");
  }
  console.log(`${url}  ${found - before} findings`);
}
await browser.close();
process.exit(found ? 1 : 0);
