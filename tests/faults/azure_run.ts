/** The program sending a site to Azurite through the tests' own proxy, and a look behind its back. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { ContainerClient } from "@azure/storage-blob";
import { type SiteOptions, TestSite } from "../cli/site.ts";
import { ACCOUNT, ACCOUNT_KEY, type Azurite } from "../servers/azurite.ts";
import { FaultProxy, type SeenRequest } from "../servers/fault_proxy.ts";

/** The driver whose patience is short. */
const IMPATIENT = fileURLToPath(new URL("impatient_az.ts", import.meta.url));

/** Lines of an `auth` section with the account's key. */
export function keyAuth(accountUrl: string): string {
  return `auth_mode = "key"
azure_account_url = "${accountUrl}"
azure_account_name = "${ACCOUNT}"
azure_account_key = "${ACCOUNT_KEY}"`;
}

/** A site, a container of its own, and a proxy between them. */
export class AzureRun implements AsyncDisposable {
  private constructor(
    readonly site: TestSite,
    readonly proxy: FaultProxy,
    readonly container: ContainerClient,
  ) {}

  /**
   * @param files of the site; the journal knows them under the version "v1"
   * @param options.impatient use the driver with short time limits
   * @param options.threads requests in flight at most
   * @param options.maxWait of the configuration, for a service that is away
   */
  static async start(
    azurite: Azurite,
    files: Readonly<Record<string, string | Uint8Array>>,
    options: { impatient?: boolean; maxWait?: string; threads?: number } = {},
  ): Promise<AzureRun> {
    const proxy = await FaultProxy.start(azurite.origin);
    const name = await azurite.container();
    const site = await TestSite.make({});
    for (const [path, content] of Object.entries(files)) await site.write(path, content);
    const configured: SiteOptions = {
      central: `az://${name}/site`,
      auth: keyAuth(proxy.through(azurite.accountUrl)),
      extra: `${options.impatient ? `[drivers]\naz = "${IMPATIENT}"\n` : ""}[transfer]
max_wait = "${options.maxWait ?? "60s"}"
${options.threads === undefined ? "" : `[configuration]\nnum_threads = ${options.threads}`}`,
    };
    await site.configure(configured);
    await Deno.writeTextFile(
      site.at("config.toml"),
      // The journal stays on the local disk: what these tests break is the sending.
      (await Deno.readTextFile(site.at("config.toml"))).replace(
        /\[journal\.source\.auth\][^[]*/,
        "",
      ),
    );
    const update = await site.run(["journal", "update", "--version", "v1"]);
    assert.equal(update.code, 0, update.stderr);
    return new AzureRun(site, proxy, azurite.client().getContainerClient(name));
  }

  /** `file upload`, and how it went. */
  async upload(
    ...args: string[]
  ): Promise<{ code: number; stderr: string; sent: number; failed: string[]; reasons: string[] }> {
    const { code, value, stderr } = await this.site.json(["file", "upload", ...args]);
    const failures: { path: string; reason: string; remedy?: string }[] = value.failures?.first ??
      [];
    const modalities: { created: number; replaced: number }[] = value.upload?.modalities ?? [];
    return {
      code,
      stderr,
      sent: modalities.reduce((sum, { created, replaced }) => sum + created + replaced, 0),
      failed: failures.map(({ path }) => path).sort(),
      reasons: failures.map(({ reason, remedy = "" }) => `${reason} ${remedy}`),
    };
  }

  /** Active rows: path and whether it is marked. */
  rows(): { path: string; marked: boolean; size: number; md5: string }[] {
    using journal = new DatabaseSync(this.site.at("journal.db"));
    return journal.prepare(
      `SELECT p.SRC_PATH || '/' || j.FILENAME AS path, j.UPLOAD_DT_ID IS NOT NULL AS marked,
         j.SIZE AS size, j.MD5 AS md5
       FROM journal_v2 j JOIN srcpaths p ON p.id = j.SRC_PATH_ID
       WHERE j.TIME_INVALID_us IS NULL ORDER BY path`,
    ).all().map((row) => ({
      path: String(row.path),
      marked: Number(row.marked) === 1,
      size: Number(row.size),
      md5: String(row.md5),
    }));
  }

  /**
   * Compares what every marked row stands for with what the service lists, and
   * with its bytes.
   *
   * @param bytes false: size and MD5 of the listing are enough
   * @returns the paths of the rows that are not marked
   */
  async requireMarkedIsThere(bytes = true): Promise<string[]> {
    const listed = new Map<string, { size?: number; md5: string }>();
    for await (const { name, properties } of this.container.listBlobsFlat()) {
      const md5 = Buffer.from(properties.contentMD5 ?? []).toString("hex");
      listed.set(name, { size: properties.contentLength, md5 });
    }
    const unmarked: string[] = [];
    for (const { path, marked, size, md5 } of this.rows()) {
      if (!marked) {
        unmarked.push(path);
        continue;
      }
      const name = `site/v1/${path}`;
      assert.deepEqual(listed.get(name), { size, md5 }, path);
      if (!bytes) continue;
      const stored = await this.container.getBlobClient(name).downloadToBuffer();
      assert.equal(createHash("md5").update(stored).digest("hex"), md5, path);
    }
    return unmarked;
  }

  /** Requests so far that carry content: one for each small file and each block. */
  get contentRequests(): SeenRequest[] {
    return this.proxy.requests.filter((request) => isPut(request) || isBlock(request));
  }

  /** Small files and blocks that were sent since the first `before` requests, a second try counted once. */
  sentSince(before: number): number {
    const later = this.contentRequests.slice(before);
    return new Set(later.map(({ path, query }) => `${path}?${query}`)).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.site[Symbol.asyncDispose]();
  }
}

/** A blob in one request, the journal's backup left out. */
export function isPut({ method, query, path, headers }: SeenRequest): boolean {
  return method === "PUT" && !query.has("comp") && !path.endsWith("/journal.db") &&
    headers["x-ms-copy-source"] === undefined;
}

export function isBlock({ query }: SeenRequest): boolean {
  return query.get("comp") === "block";
}

export function isCommit({ method, query }: SeenRequest): boolean {
  return method === "PUT" && query.get("comp") === "blocklist";
}
