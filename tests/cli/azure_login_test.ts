/** Signing in ahead of time: `login`, the runbook with what it kept, `logout`. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Azurite } from "../servers/azurite.ts";
import { opensslAvailable, testAuthority } from "../servers/test_authority.ts";
import { signInService, stubAzureCli, TENANT } from "../servers/token_endpoints.ts";
import { type Finished, TestSite } from "./site.ts";

const RUNBOOK = ["journal checkout", "journal update", "file upload", "file verify"];

// Sign-in is for https alone, and that needs a certificate.
const ignore = !opensslAvailable || Deno.build.os === "windows";
const why = ignore ? " (needs openssl and a POSIX shell)" : "";

/** A run that nobody watches has asked for the sign-in at its start, and waited for nobody. */
function assertRefused({ code, stderr }: Finished): void {
  assert.equal(code, 4, stderr);
  assert.match(stderr, /chorus-upload login/);
}

Deno.test({
  name:
    `one login serves the runbook until logout; without it a run ends with 4 at its start${why}`,
  ignore,
  async fn() {
    await using authority = await testAuthority();
    await using azurite = await Azurite.start({ tls: authority, oauth: true });
    await using signIns = await signInService(authority);
    azurite.trust(await Deno.readTextFile(authority.ca));
    const name = await azurite.container();
    await using site = await TestSite.make(undefined, {
      central: `az://${name}/site`,
      journal: `az://${name}/journal.db`,
      auth: `auth_mode = "login"
azure_tenant_id = "${TENANT}"
azure_account_url = "${azurite.accountUrl}"
ca_cert = "${authority.ca}"`,
    });
    await stubAzureCli(site.folder, undefined);
    const run = (step: string) =>
      site.run(step.split(" "), {
        HOME: site.folder,
        XDG_CONFIG_HOME: site.at("configuration"),
        PATH: `${site.folder}:/usr/bin:/bin`,
        DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
        AZURE_AUTHORITY_HOST: signIns.origin,
        // Nothing answers there: not an Azure machine.
        AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:9",
      });
    const succeed = async (step: string) => {
      const { code, stdout, stderr } = await run(step);
      assert.equal(code, 0, `${step}: ${stderr}`);
      return stdout;
    };

    assertRefused(await run("journal checkout"));

    assert.match(await succeed("login"), /Signed in as engineer@site\.example/);
    const kept = site.at("configuration/chorus-upload/azure_sign_in.json");
    assert.equal(((await Deno.stat(kept)).mode ?? 0) & 0o777, 0o600);
    signIns.grants.length = 0;
    for (const step of RUNBOOK) await succeed(step);
    assert.equal(signIns.grants.length, 0, "the token of the login was not used");
    {
      using journal = new DatabaseSync(site.at("journal.db"), { readOnly: true });
      const rows = journal.prepare("SELECT count(UPLOAD_DT_ID) AS uploaded FROM journal_v2").get();
      assert.equal(rows?.uploaded, 6);
    }

    // The kept token runs out, and the sign-in can't be renewed, then can.
    signIns.tokenSeconds = 1;
    await succeed("login");
    signIns.tokenSeconds = 3600;
    signIns.refreshRefused = true;
    assertRefused(await run("journal checkin"));
    signIns.refreshRefused = false;
    await succeed("journal checkin");
    assert.equal(signIns.grants.at(-1)?.grant, "refresh_token");

    await succeed("logout");
    await assert.rejects(Deno.stat(kept), Deno.errors.NotFound);
    assertRefused(await run("journal checkout"));
  },
});
