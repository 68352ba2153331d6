// Walks the portal as a recipient does: start page, code, message; and, where the page has a button for it, has the sender
// asked. Prints `code?` when it needs the code on a line of its
// input, and `read` at the end. Every page is looked at by axe-core, light and dark, on a small telephone.
//
// Arguments: the link in the notification, and a text that the message holds.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline/promises';

const require = createRequire(`${process.env.ZEGEL_BROWSER_MODULES}/`);
const { chromium } = require('playwright-core');
const axe = require('axe-core').source;

const [link, text] = process.argv.slice(2);
const { hostname, port } = new URL(link);
const AXE = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
const SMALL = { width: 320, height: 640 };

const faults = [];
const outside = [];

const browser = await chromium.launch({
  executablePath: process.env.ZEGEL_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
});
// The certificate authority is the lab's own. bypassCSP lets axe in; that the pages work under their policy is seen by
// the rest of the walk, which is done in a context without it.
const open = (bypassCSP) => browser.newContext({ ignoreHTTPSErrors: true, viewport: SMALL, locale: 'nl-NL', bypassCSP });

const reader = await (await open(false)).newPage();
reader.on('request', (request) => {
  const { protocol, hostname: host, port: at } = new URL(request.url());
  if (protocol !== 'data:' && (host !== hostname || at !== port)) outside.push(request.url());
});
reader.on('pageerror', (error) => faults.push(`script error: ${error.message}`));
reader.on('console', (message) => {
  // Chromium calls the answer to a mistyped code a failure; it is the page that says what is wrong.
  const mistyped = message.text().includes('status of 422');
  if (message.type() === 'error' && !mistyped) faults.push(`console: ${message.text()}`);
});

await reader.goto(link);
await look('start');
await reader.locator('form[action$="/start"] button').click();
await reader.waitForURL('**/code');
await look('code');

const ask = reader.locator('form[action$="/ask"] button');
if (await ask.count()) {
  await ask.click();
  await reader.waitForURL('**/code?asked');
  await look('sender asked');
}

await reader.locator('input[name="code"]').fill('code');
await reader.locator('form[action$="/code"] button').click();
await look('code, mistyped');

console.log('code?');
const lines = createInterface({ input: process.stdin });
const code = (await lines[Symbol.asyncIterator]().next()).value;
lines.close();
await reader.locator('input[name="code"]').fill(code);
await reader.locator('form[action$="/code"] button').click();
await reader.waitForURL('**/c/**');
await look('message');

const shown = await Promise.all(reader.frames().map((frame) => frame.locator('body').innerText()));
if (!shown.some((words) => words.includes(text))) faults.push('the message is not shown');
if (outside.length) faults.push(`fetched from outside: ${outside.join(' ')}`);

await browser.close();
for (const fault of faults) console.log(fault);
if (faults.length) process.exit(1);
console.log('read');

// What is on the page now, in a second browser context that lets axe in: the same address with the same cookies.
async function look(name) {
  const width = await reader.evaluate(() => document.documentElement.scrollWidth);
  if (width > SMALL.width) faults.push(`${name}: ${width} pixels wide on a screen of ${SMALL.width}`);
  const html = await reader.content();
  for (const colorScheme of ['light', 'dark']) {
    const context = await open(true);
    await context.addCookies(await reader.context().cookies());
    const page = await context.newPage();
    await page.emulateMedia({ colorScheme });
    // A page that answers a form cannot be asked for again without sending the form again: its HTML is shown instead.
    await page.route(reader.url(), (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: html }));
    await page.goto(reader.url());
    await page.evaluate(axe);
    const { violations } = await page.evaluate((options) => window.axe.run(document, options), AXE);
    for (const { id, help, nodes } of violations) {
      faults.push(`${name}, ${colorScheme}: ${id}: ${help}: ${nodes.map((node) => node.target).join(', ')}`);
    }
    await context.close();
  }
}
