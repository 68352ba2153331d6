// Opens every page that needs no message, in every language of the switch on it, and looks at it (see look.mjs). Prints
// `seen` at the end.
//
// Arguments: the portal's origin.

import { faults, finish, look, open, validate } from './look.mjs';

const [origin] = process.argv.slice(2);
const PAGES = ['/', '/echt', '/hulp', '/toegankelijkheid', '/uitgelogd', '/no-such-page', '/m/0000000000000000000000000a'];

const reader = await (await open({ javaScriptEnabled: false })).newPage();
await reader.goto(origin);
const tags = await reader.locator('nav.languages a').evaluateAll((links) => links.map((link) => link.lang));
if (tags.join() !== 'nl,en,de,fr') faults.push(`languages: ${tags}`);

for (const tag of tags) {
  for (const path of PAGES) {
    const name = `${path} in ${tag}`;
    await reader.goto(`${origin}${path}`);
    const answer = await Promise.all([
      reader.waitForResponse((response) => response.request().isNavigationRequest()),
      reader.locator(`nav.languages a[lang="${tag}"]`).click(),
    ]).then(([response]) => response);
    await validate(name, await answer.text());
    await reader.waitForLoadState();
    const spoken = await reader.locator('html').getAttribute('lang');
    if (spoken !== tag) faults.push(`${name}: says that it speaks ${spoken}`);
    await look(reader, name);
  }
}

await reader.goto(origin);
await reader.locator('form[action="/find"] button').click();
await look(reader, 'start page, nothing filled in');
await finish('seen');
