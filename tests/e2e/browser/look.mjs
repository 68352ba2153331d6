// How a page is looked at: on a small telephone, light and dark, from left to right and from right to left, by axe-core
// and by an HTML validator.

import { createRequire } from 'node:module';

const require = createRequire(`${process.env.ZEGEL_BROWSER_MODULES}/`);
const { chromium } = require('playwright-core');
const { HtmlValidate } = require('html-validate');
const axe = require('axe-core').source;

const AXE = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
const SMALL = { width: 320, height: 640 };
// Style rules of the validator's makers are not the standard's.
const validator = new HtmlValidate({ root: true, extends: ['html-validate:standard'] });

export const faults = [];

export const browser = await chromium.launch({
  executablePath: process.env.ZEGEL_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
});

// A browser of its own with a small screen. The certificate authority is the lab's own.
export const open = (options) => browser.newContext({ ignoreHTTPSErrors: true, viewport: SMALL, locale: 'nl-NL', ...options });

// bypassCSP lets axe in; that the pages work under their policy is seen by the reader, whose context is without it.
const inspector = await (await open({ bypassCSP: true })).newPage();

// What is on the reader's page now, looked at in a second context with the same cookies.
export async function look(reader, name) {
  const html = await reader.content();
  const url = reader.url();
  await inspector.context().addCookies(await reader.context().cookies());
  // A page that answers a form cannot be asked for again without sending the form again: its HTML is shown instead.
  const show = (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: html });
  await inspector.route(url, show);
  for (const colorScheme of ['light', 'dark']) {
    await inspector.emulateMedia({ colorScheme });
    await inspector.goto(url);
    for (const direction of ['ltr', 'rtl']) {
      await inspector.evaluate((dir) => { document.documentElement.dir = dir; }, direction);
      await inspect(`${name}, ${colorScheme}, ${direction}`);
    }
  }
  await inspector.unroute(url, show);
}

async function inspect(name) {
  const width = await inspector.evaluate(() => document.documentElement.scrollWidth);
  if (width > SMALL.width) faults.push(`${name}: ${width} pixels wide on a screen of ${SMALL.width}`);
  await inspector.evaluate(axe);
  const { violations } = await inspector.evaluate((options) => window.axe.run(document, options), AXE);
  for (const { id, help, nodes } of violations) {
    faults.push(`${name}: ${id}: ${help}: ${nodes.map((node) => node.target).join(', ')}`);
  }
}

// The HTML as the server sent it: what a browser shows of it has been mended already.
export async function validate(name, html) {
  const { results } = await validator.validateString(html);
  for (const { ruleId, message, line } of results.flatMap((result) => result.messages)) {
    faults.push(`${name}, line ${line}: ${ruleId}: ${message}`);
  }
}

export async function finish(word) {
  await browser.close();
  for (const fault of faults) console.log(fault);
  if (faults.length) process.exit(1);
  console.log(word);
}
