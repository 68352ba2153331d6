// Walks through a sender's page: from the link in the mail that asks, by a code, to an answer for one recipient and the
// withdrawal for the other. Prints `code?` when it needs the code on a line of its input, and `answered` at the end. Every
// page is looked at (see look.mjs).
//
// Arguments: the link in the mail, and an access code to give.

import { createInterface } from 'node:readline/promises';
import { faults, finish, look, open, validate } from './look.mjs';

const [link, accessCode] = process.argv.slice(2);

const reader = await (await open({ javaScriptEnabled: false })).newPage();
const answers = [];
reader.on('response', (response) => {
  const isPage = response.request().isNavigationRequest();
  if (isPage && (response.status() < 300 || response.status() >= 400)) answers.push(response);
});

await reader.goto(link);
await see('start');
await reader.locator('form[action$="/start"] button').click();
await reader.waitForURL('**/code');
await see('code');
console.log('code?');
const lines = createInterface({ input: process.stdin });
const code = (await lines[Symbol.asyncIterator]().next()).value;
lines.close();
await reader.locator('input[name="code"]').fill(code);
await reader.locator('form[action$="/code"] button').click();
await reader.waitForURL('**/held/*');
await see('who waits');
if (await reader.locator('section').count() !== 2) faults.push('not two recipients wait');

const first = reader.locator('section').first();
await first.locator('input[name="number"]').fill('0612345678');
await first.locator('form button').first().click();
await see('who waits, mistyped');
if (!await reader.locator('input[aria-invalid]').count()) faults.push('the mistake is not marked');

await reader.locator('section').first().locator('input[name="code"]').fill(accessCode);
await reader.locator('section').first().locator('form button').first().click();
await reader.waitForURL('**/held/*?done');
await see('one is answered for');

await reader.locator('a[href$="/withdraw"]').last().click();
await reader.waitForURL('**/withdraw');
await see('withdraw');
await reader.locator('form[action$="/withdraw"] button').click();
await reader.waitForURL('**/held/*?withdrawn');
await see('withdrawn');
await finish('answered');

// The validator gets what the server sent: what a browser shows of it has been mended already.
async function see(name) {
  await validate(name, await answers.at(-1).text());
  await look(reader, name);
}
