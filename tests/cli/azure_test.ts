/** The program on Azurite: the runbook, and what is said when a credential doesn't do. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { keyAuth } from "../faults/azure_run.ts";
import { ACCOUNT, ACCOUNT_KEY, Azurite } from "../servers/azurite.ts";
import { RUNBOOK, TestSite } from "./site.ts";

const HOUR = 3_600_000;

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

/** Without the line breaks that fit a text into the terminal. */
function unwrapped(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

/** A site whose files and journal go to a container. */
function azureSite(container: string, auth: string): Promise<TestSite> {
  return TestSite.make(undefined, {
    central: `az://${container}/site`,
    journal: `az://${container}/journal.db`,
    auth,
  });
}

function sasAuth(container: string, permissions: string, expiresOn: Date): string {
  const sas = generateBlobSASQueryParameters({
    containerName: container,
    permissions: ContainerSASPermissions.parse(permissions),
    startsOn: new Date(Date.now() - 2 * HOUR),
    expiresOn,
    protocol: SASProtocol.HttpsAndHttp,
  }, new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY));
  return `auth_mode = "sas_token"
azure_account_url = "${azurite.accountUrl}"
azure_sas_token = "${sas}"`;
}

Deno.test("the runbook, word for word, sends a site to Azure and gives the journal back", async () => {
  const name = await azurite.container();
  await using site = await azureSite(name, keyAuth(azurite.accountUrl));
  await using other = await azureSite(name, keyAuth(azurite.accountUrl));
  for (const step of RUNBOOK) {
    const { code, stderr } = await site.run(["-c", "config.toml", ...step.split(" ")]);
    assert.equal(code, 0, `${step}: ${stderr}`);
    if (step !== "journal checkout") continue;
    const second = await other.run(["journal", "checkout"]);
    assert.equal(second.code, 3, second.stderr);
    assert.match(unwrapped(second.stderr), /held by .+ on .+ since/);
  }
  const container = azurite.client().getContainerClient(name);
  const journal = site.at("returned.db");
  await Deno.writeFile(journal, await container.getBlobClient("journal.db").downloadToBuffer());
  using database = new DatabaseSync(journal, { readOnly: true });
  const rows = database.prepare(
    "SELECT count(*) AS files, count(UPLOAD_DT_ID) AS uploaded FROM journal_v2",
  ).get();
  assert.deepEqual([rows?.files, rows?.uploaded], [6, 6]);
  const { VERSION: version } = database.prepare("SELECT VERSION FROM versions").get() ?? {};
  const names: string[] = [];
  for await (const blob of container.listBlobsFlat()) names.push(blob.name);
  assert.deepEqual(names, [
    "journal.db",
    ...[
      "00123/Images/scan 1.dcm",
      "00123/Waveforms/00123_20240105_101500_60.dat",
      "Metadata/about.md",
      "OMOP/person.csv",
      "journal.db",
      "p_02/Images/O'Brien $5 100%.dcm",
      "p_02/Waveforms/deep/er/x.dat",
    ].map((path) => `site/${version}/${path}`),
  ]);
});

Deno.test("a SAS that does is all that the runbook needs", async () => {
  const name = await azurite.container();
  const auth = sasAuth(name, "rcwdl", new Date(Date.now() + HOUR));
  await using site = await azureSite(name, auth);
  for (const step of RUNBOOK) {
    const { code, stderr, stdout } = await site.run(step.split(" "));
    assert.equal(code, 0, `${step}: ${stderr}`);
    assert.doesNotMatch(stderr + stdout, /sig=/);
  }
});

const HOPELESS: Record<string, { auth: (name: string) => string; code: number; said: RegExp }> = {
  "an expired SAS": {
    auth: (name) => sasAuth(name, "rcwdl", new Date(Date.now() - HOUR)),
    code: 4,
    said: /the SAS expired at .+new SAS/,
  },
  "a SAS without write": {
    auth: (name) => sasAuth(name, "rl", new Date(Date.now() + HOUR)),
    code: 4,
    said: /lacks the permission .*write \(w\).+sp=rcwdl/,
  },
  "a SAS that may not read": {
    auth: (name) => sasAuth(name, "cwdl", new Date(Date.now() + HOUR)),
    code: 4,
    said: /lacks the permission read \(r\).+sp=rcwdl/,
  },
  "a wrong key": {
    auth: () => keyAuth(azurite.accountUrl).replace("Eby8", "Aby8"),
    code: 4,
    said: /the account key is not the one of.+azure_account_key/,
  },
};

for (const [what, { auth, code, said }] of Object.entries(HOPELESS)) {
  Deno.test(`${what} ends a check-out with ${code}, says what is missing, and leaves no lock`, async () => {
    const name = await azurite.container();
    await using site = await azureSite(name, auth(name));
    const { code: found, stderr } = await site.run(["journal", "checkout"]);
    assert.equal(found, code, stderr);
    assert.match(unwrapped(stderr), said);
    assert.doesNotMatch(stderr, /sig=|Bby8vdM/);
    const { value } = await azurite.client().getContainerClient(name).listBlobsFlat().next();
    assert.equal(value, undefined);
  });
}

Deno.test("a SAS without list sends files, and a verification names what it lacks", async () => {
  const name = await azurite.container();
  await using site = await azureSite(name, sasAuth(name, "rcwd", new Date(Date.now() + HOUR)));
  for (const step of ["journal checkout", "journal update", "file upload"]) {
    const { code, stderr } = await site.run(step.split(" "));
    assert.equal(code, 0, `${step}: ${stderr}`);
  }
  const { code, stderr } = await site.run(["file", "verify"]);
  assert.equal(code, 4, stderr);
  assert.match(unwrapped(stderr), /lacks the permission list \(l\)/);
});

Deno.test("a container that is not there is named", async () => {
  await using site = await azureSite("not-there", keyAuth(azurite.accountUrl));
  const { code, stderr } = await site.run(["journal", "checkout"]);
  assert.ok(code === 2 || code === 5, `${code}: ${stderr}`);
  assert.match(unwrapped(stderr), /not-there.+there is no such container/);
});
