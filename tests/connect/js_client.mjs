// The official JavaScript client against the stand-in server. Usage: js_client.mjs NODE_MODULES URL [--conformance]
//
// The client asks for `/v1/vaults/`, with a slash that the OpenAPI document does not have; Connect does not mind.
// With --conformance, where the URL leads through the proxy, that slash is taken away: the only thing changed.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [modules, url, mode] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { OnePasswordConnect, ItemBuilder } = require("@1password/connect");
const { HTTPClient } = require("@1password/connect/dist/lib/client");

const DEMO = "demovaultaaaaaaaaaaaaaaaaa";
const OTHER = "othervaultbbbbbbbbbbbbbbbb";
const direct = mode !== "--conformance";

class Conforming extends HTTPClient {
  request(method, address, options) {
    const plain = new URL(address);
    plain.pathname = plain.pathname.replace(/\/$/, "");
    return super.request(method, plain.href, options);
  }
}

function connect(token) {
  const options = { serverURL: url, token, keepAlive: true };
  return OnePasswordConnect(direct ? options : { ...options, httpClient: new Conforming(options) });
}

const refused = (call, status, message) =>
  assert.rejects(call, (error) => {
    assert.equal(error.status, status, JSON.stringify(error));
    assert.match(error.message, message);
    return true;
  });
const value = (item, label) => item.fields.find((field) => field.label === label).value;

const client = connect("demo-token");
const reader = connect("demo-read-token");

// Vaults
assert.deepEqual((await client.listVaults()).map((vault) => vault.name), ["demo", "other"]);
assert.deepEqual((await reader.listVaults()).map((vault) => vault.id), [DEMO]);
assert.equal((await client.getVault("Demo")).id, DEMO);
assert.equal((await client.getVaultById(DEMO)).items, 7);
await refused(reader.getVault(OTHER), 403, /does not have access to vault othervault/);
await refused(client.getVault("x".repeat(26)), 404, /vault x+ not found/);
if (direct) {
  await refused(client.getVaultById("nope"), 400, /^Invalid Vault UUID$/);
}

// Reading
assert.equal((await client.listItems(DEMO)).length, 8);
assert.equal((await client.listItemsByTitle(DEMO, "twin")).length, 2);
assert.deepEqual((await client.listItemsByTitleContains(DEMO, "MAIL")).map((item) => item.title), ["webmail"]);
const webmail = await client.getItem(DEMO, "webmail");
assert.equal(webmail.version, 3);
assert.ok(webmail.createdAt instanceof Date);
assert.equal(value(webmail, "password"), "not-a-real-password");
assert.equal(value(webmail, "spare password"), undefined);
assert.equal((await client.getItem(DEMO, webmail.id)).title, "webmail");
await refused(client.getItem(DEMO, "twin"), 400, /multiple/i);
await refused(client.getItem(DEMO, "z".repeat(26)), 404, /item z+ not found/);
assert.match(await client.getItemOTP(DEMO, "two factor"), /^\d{6}$/);

// Writing
const made = new ItemBuilder()
  .setTitle("made by javascript")
  .setCategory("LOGIN")
  .addTag("javascript")
  .addUrl({ href: "https://example.com", primary: true })
  .addField({ label: "username", value: "somebody", purpose: "USERNAME" })
  .addField({
    label: "password",
    purpose: "PASSWORD",
    generate: true,
    recipe: { length: 24, characterSets: ["LETTERS"], excludeCharacters: "abc" },
  })
  .addField({ label: "extra", type: "CONCEALED", value: "one", sectionName: "More" })
  .build();
const created = await client.createItem(DEMO, made);
assert.equal(created.version, 1);
assert.match(value(created, "password"), /^[d-zA-Z]{24}$/);
created.title = "changed by javascript";
created.fields.find((field) => field.label === "extra").value = "two";
const updated = await client.updateItem(DEMO, created);
assert.deepEqual([updated.version, updated.title, value(updated, "extra")], [2, "changed by javascript", "two"]);
assert.equal(value(await client.getItemByTitle(DEMO, "changed by javascript"), "password"), value(created, "password"));
await refused(reader.createItem(DEMO, made), 403, /does not have write access/);
await refused(reader.deleteItemById(DEMO, created.id), 403, /does not have write access/);
await client.deleteItem(DEMO, "changed by javascript");
await refused(client.getItemById(DEMO, created.id), 404, /not found/);

// Files
const files = await client.listFiles("demo", "certificate");
assert.deepEqual(files.map((file) => [file.name, file.size]), [["certificate.pem", 23], ["binary.dat", 256]]);
const document = await client.getItem(DEMO, "certificate");
assert.equal((await client.getFileById(DEMO, document.id, files[0].id)).name, "certificate.pem");
assert.equal(await client.getFileContent(DEMO, document.id, files[0].id), "not a real certificate\n");
await refused(client.getFileById(DEMO, document.id, "f".repeat(26)), 404, /file f+ not found/);

// Tokens
for (const token of ["wrong-token", "demo-expired-token"]) {
  await refused(connect(token).listVaults(), 401, /^Invalid token/);
}
console.log("javascript: all done");
