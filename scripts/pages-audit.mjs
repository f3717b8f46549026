// The checks of scripts/pages-audit. One line for each finding, one at the end for each page; exit code 1
// where something was found.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Validator from "@adobe/structured-data-validator";
import WebAutoExtractor from "@marbec/web-auto-extractor";
import { HtmlValidate } from "html-validate";
import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const given = (flag) => process.argv.includes(flag);
const urls = process.argv.slice(2).filter((a) => !a.startsWith("-"));
if (given("-")) urls.push(...readFileSync(0, "utf8").split("\n").filter(Boolean));
const vocabulary = process.env.SCHEMA_ORG ? JSON.parse(readFileSync(process.env.SCHEMA_ORG, "utf8")) : undefined;
let found = 0;

const finding = (url, text) => { found++; console.log(`${url}  ${text}`); };

async function validate(url, body) {
  const rules = { "long-title": "off", "no-trailing-whitespace": "off" }; // a shop's names and texts are as long as they are
  const report = await new HtmlValidate({ extends: ["html-validate:recommended"], rules }).validateString(body);
  for (const m of report.results.flatMap((r) => r.messages)) finding(url, `html ${m.line}:${m.column} ${m.ruleId}: ${m.message}`);
}

// Structured data: what a search engine requires is a finding, what it only likes is a note.
async function structured(url, body) {
  const data = new WebAutoExtractor({ addLocation: true, embedSource: ["rdfa", "microdata"] }).parse(body);
  const types = Object.keys(data.jsonld ?? {});
  for (const issue of await new Validator(vocabulary).validate(data)) {
    const line = `data ${issue.severity} ${(issue.path ?? []).map((step) => step.property ?? step.type).filter(Boolean).join(".")}: ${issue.issueMessage}`;
    if (issue.severity === "ERROR") finding(url, line); else if (!given("--quiet")) console.log(`${url}  note: ${line}`);
  }
  return types;
}

// A view is an open tab of a width and a colour scheme. Pictures of other hosts are stood in for.
async function openView(browser, colorScheme, width) {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  const view = { page, name: `${colorScheme} ${width}`, url: "" };
  await context.route((u) => view.url && u.origin !== new URL(view.url).origin && u.protocol !== "data:", (route) =>
    route.fulfill({ contentType: "image/svg+xml", body: '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="800"><rect width="800" height="800" fill="#89a"/></svg>' }));
  page.on("pageerror", (e) => finding(view.url, `${view.name} script error: ${e.message}`));
  page.on("console", (m) => {
    const own = m.location().url === view.url; // a page that is gone says so to the console
    if (m.type() === "error" && !(own && /status of 4(04|10)/.test(m.text()))) finding(view.url, `${view.name} console: ${m.text()}`);
  });
  return view;
}

async function axe(view, url) {
  const { page, name } = view;
  view.url = url;
  await page.goto(url);
  const live = () => [...document.querySelectorAll("[data-live-url] [data-part]")].every((part) => part.dataset.state);
  await page.waitForFunction(live, undefined, { timeout: 5000 }).catch(() => finding(url, `${name} its live parts do not come`));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) finding(url, `${name} is ${wide} pixels wider than the window`);
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const v of violations) {
    const line = `${name} axe ${v.impact} ${v.id}: ${v.nodes.length} × ${v.nodes[0].target}`;
    if (["serious", "critical"].includes(v.impact)) finding(url, line); else console.log(`${url}  note: ${line}`);
  }
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${new URL(url).pathname.replaceAll("/", "_")}-${name.replace(" ", "-")}.png` });
}

// The best of three, since a busy machine only ever makes it worse.
async function light(lighthouse, url, config, name) {
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

const browser = given("--no-browser") ? undefined : await chromium.launch({ executablePath, args: flags });
const views = [];
if (browser) for (const [scheme, width] of [["light", 390], ["dark", 1280], ["light", 1280], ["dark", 390]]) views.push(await openView(browser, scheme, width));
const { default: lighthouse, desktopConfig } = given("--lighthouse") ? await import("lighthouse") : {};
for (const [i, url] of urls.entries()) {
  const before = found;
  const body = await (await fetch(url)).text();
  await validate(url, body);
  const types = await structured(url, body);
  const half = i % 2 * 2;
  for (const view of given("--half") ? views.slice(half, half + 2) : views) await axe(view, url);
  if (lighthouse) {
    await light(lighthouse, url, undefined, "mobile");
    await light(lighthouse, url, desktopConfig, "desktop");
  }
  if (found > before || !given("--quiet")) console.log(`${url}  ${found - before} findings; data: ${types.join(", ") || "none"}`);
}
await browser?.close();
console.log(`${urls.length} pages, ${found} findings`);
process.exit(found ? 1 : 0);
