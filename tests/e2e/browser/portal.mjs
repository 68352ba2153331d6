// Walks the portal as a recipient does who has switched JavaScript off: link, code, message; and, where the page has a
// button for it, has the sender asked. Prints `code?` when it needs the code on a line of its input, and `read` at the end.
// Every page is looked at (see look.mjs).
//
// Arguments: the link in the notification, and a text that the message holds.

import { createInterface } from 'node:readline/promises';
import { faults, finish, look, open, validate } from './look.mjs';

const [link, text] = process.argv.slice(2);
const { hostname, port } = new URL(link);
const outside = [];
const answers = [];

const reader = await (await open({ javaScriptEnabled: false })).newPage();
reader.on('request', (request) => {
  const { protocol, hostname: host, port: at } = new URL(request.url());
  if (protocol !== 'data:' && (host !== hostname || at !== port)) outside.push(request.url());
});
reader.on('response', (response) => {
  const isPage = response.request().isNavigationRequest() && response.frame() === reader.mainFrame();
  if (isPage && (response.status() < 300 || response.status() >= 400)) answers.push(response);
});
reader.on('console', (message) => {
  // Chromium calls the answers to a mistyped code and to who is signed out failures; the pages say what is wrong.
  const refused = /status of (422|403)/.test(message.text());
  if (message.type() === 'error' && !refused) faults.push(`console: ${message.text()}`);
});

await reader.goto(link);
await see('link');
await reader.locator('form[action$="/start"] button').click();
await reader.waitForURL('**/code');
await see('code');

const ask = reader.locator('form[action$="/ask"] button');
if (await ask.count()) {
  await ask.click();
  await reader.waitForURL('**/code?asked');
  await see('sender asked');
}

await reader.locator('input[name="code"]').fill('code');
await reader.locator('form[action$="/code"] button').click();
await see('code, mistyped');

console.log('code?');
const lines = createInterface({ input: process.stdin });
const code = (await lines[Symbol.asyncIterator]().next()).value;
lines.close();
await reader.locator('input[name="code"]').fill(code);
await reader.locator('form[action$="/code"] button').click();
await reader.waitForURL('**/c/**');
await see('message');

const shown = await Promise.all(reader.frames().map((frame) => frame.locator('body').innerText()));
if (!shown.some((words) => words.includes(text))) faults.push('the message is not shown');

const message = reader.url();
await reader.goto(`${message}/print`);
await see('print');
await reader.goto(message);
await reader.locator('form[action="/logout"] button').click();
await reader.waitForURL('**/uitgelogd*');
await see('logged out');
await reader.goto(message);
await see('signed out');

if (outside.length) faults.push(`fetched from outside: ${outside.join(' ')}`);
await finish('read');

async function see(name) {
  await validate(name, await answers.at(-1).text());
  await look(reader, name);
}
