/** How fast files are sent to Azure Blob Storage, beside the tools that others use. */

import { join } from "node:path";
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  generateAccountSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { ACCOUNT, ACCOUNT_KEY, Azurite } from "../tests/servers/azurite.ts";
import { BenchServer, buildGo } from "./bench_server.ts";
import { BenchSite } from "./bench_site.ts";
import type { Case } from "./case.ts";
import { compare, compareToLimit, type Measure, takeTurns } from "./comparison.ts";
import { count, type Group, type GroupContext, onPath } from "./group.ts";
import { type ProcessCost, processCost } from "./process_cost.ts";
import { makeTree, type TreeShape } from "./tree.ts";

const PEAK_MB = 256;
const MIB = 2 ** 20;
/** Azurite does about a hundred small files a second: a run takes its time and tells little. */
const MOST_RUNS_ON_AZURITE = 3;

/**
 * A shared access signature, with which all tools send: signing each request
 * with the account's key would cost them differently, and sites have no such key.
 */
function sharedAccessSignature(): string {
  return generateAccountSASQueryParameters({
    services: AccountSASServices.parse("b").toString(),
    resourceTypes: AccountSASResourceTypes.parse("sco").toString(),
    permissions: AccountSASPermissions.parse("rwdlac"),
    protocol: SASProtocol.HttpsAndHttp,
    expiresOn: new Date(Date.now() + 24 * 3600 * 1000),
  }, new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY)).toString();
}

/** The server that files are sent to. */
interface Destination {
  /** `http://127.0.0.1:PORT/devstoreaccount1`. */
  accountUrl: string;
  container: string;
  /** Query part. */
  sas: string;
}

/** Another tool: sends a folder below a prefix of the container. */
interface Peer {
  program: string;
  name: string;
  send: (root: string, destination: Destination, prefix: string) => Promise<ProcessCost>;
}

interface UploadCase {
  shape: TreeShape;
  size: string;
  /** Wait before each answer, as `sink -delay` takes it. */
  delay?: string;
  peer: "rclone" | "azcopy";
  /** Settings that make rclone fastest. */
  transfers?: number;
  goals: Partial<Record<Measure, Case["goal"]>>;
}

const NO_SLOWER: Case["goal"] = { ratio: 1, better: "less" };

const SINK_CASES: readonly UploadCase[] = [
  {
    shape: { files: 2_000, bytes: 100_000, perFolder: 100 },
    size: "100 KB",
    peer: "rclone",
    transfers: 32,
    goals: { wall: NO_SLOWER },
  },
  {
    shape: { files: 10_000, bytes: 4096, perFolder: 100 },
    size: "4 KB",
    peer: "rclone",
    transfers: 32,
    goals: { wall: NO_SLOWER, cpu: NO_SLOWER },
  },
  {
    shape: { files: 10_000, bytes: 4096, perFolder: 100 },
    size: "4 KB",
    delay: "20ms",
    peer: "rclone",
    transfers: 128,
    goals: { wall: { ratio: 1.2, better: "less" } },
  },
  {
    shape: { files: 20, bytes: 64 * MIB, perFolder: 10 },
    size: "64 MiB",
    peer: "azcopy",
    goals: { wall: NO_SLOWER, cpu: { ratio: 0.5, better: "less" } },
  },
  {
    shape: { files: 1, bytes: 2048 * MIB, perFolder: 1 },
    size: "2 GiB",
    peer: "azcopy",
    goals: { wall: NO_SLOWER, cpu: NO_SLOWER },
  },
];

const AZURITE_CASES: readonly UploadCase[] = [
  {
    shape: { files: 250, bytes: 100_000, perFolder: 100 },
    size: "100 KB",
    peer: "rclone",
    transfers: 32,
    goals: {},
  },
  {
    shape: { files: 500, bytes: 4096, perFolder: 100 },
    size: "4 KB",
    peer: "rclone",
    transfers: 32,
    goals: {},
  },
];

async function rclone(transfers: number): Promise<Peer | undefined> {
  const program = await onPath("rclone");
  if (program === undefined) return undefined;
  return {
    program,
    name: `rclone --transfers ${transfers}`,
    send: (root, { accountUrl, container, sas }, prefix) =>
      processCost(program, [
        "copy",
        root,
        `bench:${container}/${prefix}`,
        "--config=",
        `--transfers=${transfers}`,
        "--azureblob-no-check-container",
      ], {
        env: {
          RCLONE_CONFIG_BENCH_TYPE: "azureblob",
          RCLONE_CONFIG_BENCH_SAS_URL: `${accountUrl}/${container}?${sas}`,
        },
      }),
  };
}

/** Whether a program can be started at all: azcopy needs a library that not every system has. */
async function starts(program: string): Promise<boolean> {
  const { success } = await new Deno.Command(program, {
    args: ["--version"],
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

/** @param folder for its log and plans */
async function azcopy(folder: string): Promise<Peer | undefined> {
  const program = await onPath("azcopy") ?? await onPath("azcopy_linux_amd64");
  if (program === undefined || !await starts(program)) return undefined;
  return {
    program,
    name: "azcopy --put-md5",
    send: (root, { accountUrl, container, sas }, prefix) =>
      processCost(program, [
        "copy",
        root,
        `${accountUrl}/${container}/${prefix}?${sas}`,
        "--recursive",
        "--put-md5",
        "--from-to=LocalBlob",
      ], {
        env: {
          AZCOPY_LOG_LOCATION: join(folder, "azcopy"),
          AZCOPY_JOB_PLAN_LOCATION: join(folder, "azcopy"),
        },
      }),
  };
}

async function measureUpload(
  upload: UploadCase,
  destination: Destination,
  where: string,
  { report, skip, folder, runs, scaled }: GroupContext,
): Promise<void> {
  const { shape, size, delay, goals } = upload;
  const root = join(folder, "site");
  const work = join(folder, "work");
  const files = scaled(shape.files);
  const name = `upload of ${count(files)} × ${size}${
    delay === undefined ? "" : `, ${delay} per request`
  }${where}`;
  makeTree(root, { ...shape, files });
  try {
    const sections = `[central_path.auth]
auth_mode = "sas"
azure_account_url = "${destination.accountUrl}"
azure_sas_token = "${destination.sas}"
`;
    let prefixes = 0;
    const siteOf = (prefix: string) =>
      BenchSite.make({
        folder: work,
        root,
        central: `az://${destination.container}/${prefix}`,
        sections,
      });
    const { journal } = await siteOf("none");
    const known = `${journal}.known`;
    await (await siteOf("none")).firstUpdate();
    await Deno.copyFile(journal, known);
    const peer = await (upload.peer === "rclone" ? rclone(upload.transfers ?? 4) : azcopy(work));
    // Each run sends everything to a place of its own.
    const nextPrefix = () => `${crypto.randomUUID().slice(0, 8)}-${++prefixes}`;
    // Ours has just read every file for the journal, so all is in page cache.
    const costs = await takeTurns(
      {
        ...(peer && { peer: () => peer.send(root, destination, nextPrefix()) }),
        ours: async () => {
          const site = await siteOf(nextPrefix());
          await Deno.copyFile(known, journal);
          return await site.run("file", "upload");
        },
      },
      runs,
      { warmUp: false },
    );
    if (peer === undefined) {
      skip(`${name} beside ${upload.peer}`, "not on the PATH, or does not start");
    }
    for (const measure of ["wall", "cpu"] as const) {
      report(compare({
        name: measure === "wall" ? name : `${name}: processor time`,
        goal: goals[measure],
        measure,
        ours: costs.ours,
        peer: costs.peer,
        peerName: peer?.name ?? upload.peer,
      }));
    }
    report(compareToLimit({
      name: `${name}: peak memory`,
      measure: "peakMb",
      ours: costs.ours,
      limit: PEAK_MB,
      limitName: "limit",
    }));
  } finally {
    await Deno.remove(root, { recursive: true });
    await Deno.remove(work, { recursive: true });
  }
}

export const upload: Group = {
  name: "upload",
  about: "file upload to a server that discards, beside rclone and azcopy",
  async run(context) {
    const sink = await buildGo("sink", context.folder);
    if (sink === undefined) return context.skip("uploads to the sink", "Go is not on the PATH");
    for (const each of SINK_CASES) {
      await using server = await BenchServer.start(sink, ["-delay", each.delay ?? "0"]);
      const accountUrl = `${server.firstLine}/${ACCOUNT}`;
      const destination = { accountUrl, container: "bench", sas: sharedAccessSignature() };
      await measureUpload(each, destination, "", context);
    }
  },
};

export const uploadToAzurite: Group = {
  name: "azurite",
  about: "file upload to Azurite, whose own speed is the limit",
  async run(context) {
    await using azurite = await Azurite.start();
    const destination = {
      accountUrl: azurite.accountUrl,
      container: await azurite.container(),
      sas: sharedAccessSignature(),
    };
    const runs = Math.min(context.runs, MOST_RUNS_ON_AZURITE);
    for (const each of AZURITE_CASES) {
      await measureUpload(each, destination, " to Azurite", { ...context, runs });
    }
  },
};
