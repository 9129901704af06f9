"""Programs that read the 100 references with the official 1Password clients.

PYTHON and JS look each vault up once and fetch each of the 20 items once. The two with `_EACH` look the vault and the
item up anew for each reference, as the clients' own examples do.
"""

PYTHON = """
import sys
from onepasswordconnectsdk.client import new_client
client = new_client(sys.argv[1], "t")
for vault in ("one", "two"):
    id = client.get_vault_by_title(vault).id
    for item in range(10):
        found = client.get_item(f"item {item}", id)
        for field in range(5):
            assert next(f for f in found.fields if f.id == f"f{field}").value
"""
PYTHON_EACH = """
import sys
from onepasswordconnectsdk.client import new_client
client = new_client(sys.argv[1], "t")
for vault in ("one", "two"):
    for item in range(10):
        for field in range(5):
            found = client.get_item(f"item {item}", client.get_vault_by_title(vault).id)
            assert next(f for f in found.fields if f.id == f"f{field}").value
"""

JS_START = """
import { createRequire } from "node:module";
const [url, place] = process.argv.slice(-2);
const { OnePasswordConnect } = createRequire(place + "/")("@1password/connect");
const client = OnePasswordConnect({ serverURL: url, token: "t", keepAlive: true });
const value = (item, field) => {
  if (!item.fields.find((f) => f.id === `f${field}`).value) throw new Error("no value");
};
"""
JS = JS_START + """
for (const vault of ["one", "two"]) {
  const { id } = await client.getVault(vault);
  for (let item = 0; item < 10; item++) {
    const found = await client.getItem(id, `item ${item}`);
    for (let field = 0; field < 5; field++) value(found, field);
  }
}
"""
JS_EACH = JS_START + """
for (const vault of ["one", "two"])
  for (let item = 0; item < 10; item++)
    for (let field = 0; field < 5; field++) {
      const { id } = await client.getVault(vault);
      value(await client.getItem(id, `item ${item}`), field);
    }
"""
