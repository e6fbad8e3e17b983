import assert from "node:assert/strict";
import fc from "fast-check";
import { classify, ServiceError, TransportError } from "../../drivers/az/azure_error.ts";
import type { Operation } from "../../drivers/az/azure_error.ts";
import { elements, insideOf, textOfElement, unescapeXml } from "../../drivers/az/xml.ts";
import type { ListEntry } from "../../src/storage/driver.ts";
import { Azurite } from "../servers/azurite.ts";
import { FaultProxy } from "../servers/fault_proxy.ts";
import { openWithKey } from "./az_place.ts";

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

/** What a listing gives when the service answers so. */
async function listed(
  blobs: string,
  options: { recursive: boolean; metadata?: boolean } = { recursive: true },
): Promise<ListEntry[]> {
  await using proxy = await FaultProxy.start(azurite.origin);
  using driver = await openWithKey(azurite, { url: proxy.through(azurite.accountUrl) });
  proxy.inject(({ query }) => query.get("comp") === "list", {
    kind: "answer",
    status: 200,
    headers: { "x-ms-request-id": "1" },
    body:
      `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="x" ContainerName="c"><Prefix>site/</Prefix><Blobs>${blobs}</Blobs><NextMarker /></EnumerationResults>`,
  });
  return await Array.fromAsync(driver.list("", options));
}

const PROPERTIES =
  "<Properties><Last-Modified>Sun, 22 Nov 2026 22:38:15 GMT</Last-Modified><Etag>0x8DC</Etag><Content-Length>7</Content-Length><Content-MD5 /><BlobType>BlockBlob</BlobType></Properties>";

Deno.test("a listing gives ETags as other answers do, and no MD5 where there is none", async () => {
  assert.deepEqual(await listed(`<Blob><Name>site/a &amp; b</Name>${PROPERTIES}</Blob>`), [{
    kind: "object",
    object: {
      key: "a & b",
      size: 7,
      etag: '"0x8DC"',
      modifiedMs: Date.UTC(2026, 10, 22, 22, 38, 15),
    },
  }]);
});

Deno.test("a listing reads names that XML can't hold, and metadata of any spelling", async () => {
  const entries = await listed(
    `<Blob><Name Encoded="true">site%2Fodd%EF%BF%BE%26</Name>${PROPERTIES}<Metadata><Chorus_MD5>a&lt;b</Chorus_MD5><name>x</name></Metadata></Blob>`,
    { recursive: true, metadata: true },
  );
  assert.equal(entries.length, 1);
  const [entry] = entries;
  assert.ok(entry?.kind === "object");
  assert.equal(entry.object.key, "odd\ufffe&");
  assert.deepEqual(entry.object.metadata, { chorus_md5: "a<b", name: "x" });
});

Deno.test("a listing leaves out the folders that a hierarchical account lists as blobs", async () => {
  const directory = PROPERTIES.replace(
    "</Properties>",
    "<ResourceType>directory</ResourceType></Properties>",
  );
  const entries = await listed(
    `<BlobPrefix><Name>site/sub/</Name></BlobPrefix><Blob><Name>site/dir</Name>${directory}</Blob>` +
      `<Blob><Name>site/old</Name>${PROPERTIES}<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>` +
      `<Blob><Name>site/x</Name>${PROPERTIES}</Blob>`,
    { recursive: false },
  );
  assert.deepEqual(
    entries.map((entry) =>
      entry.kind === "object" ? entry.object.key : entry.kind === "folder" ? entry.key : ""
    ),
    ["sub/", "x"],
  );
});

Deno.test("text comes back out of XML as it went in", () => {
  const escape = (text: string) =>
    text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(unescapeXml(escape(text)), text);
    const xml = `<A><B>${escape(text)}</B></A>`;
    assert.equal(textOfElement(insideOf(xml, "A") ?? "", "B"), text);
    assert.deepEqual([...elements(xml, "B")].map(({ inside }) => unescapeXml(inside)), [text]);
  }));
  assert.equal(unescapeXml("&amp;lt;&apos;&quot;&#x41;&unknown;"), "&lt;'\"A&unknown;");
});

function answer(
  status: number,
  code: string | undefined,
  operation: Operation = "create",
  condition?: "if_absent" | "if_match",
): string {
  return classify(
    new ServiceError("the service answered", { status, code, operation, condition }),
  ).kind;
}

Deno.test("every answer of the service means what its documentation says", () => {
  for (
    const [status, code, operation, condition, kind] of [
      [404, "BlobNotFound", "read", undefined, "not_found"],
      [404, "ContainerNotFound", "read", undefined, "not_found"],
      [404, undefined, "read", undefined, "io"],
      [404, "BlobNotFound", "remove", "if_match", "precondition_failed"],
      [409, "BlobAlreadyExists", "create", "if_absent", "already_exists"],
      [412, "ConditionNotMet", "create", "if_absent", "already_exists"],
      [412, "ConditionNotMet", "overwrite", "if_match", "precondition_failed"],
      [412, "ConditionNotMet", "copy", "if_absent", "precondition_failed"],
      [412, "SourceConditionNotMet", "copy", "if_absent", "precondition_failed"],
      [412, "TargetConditionNotMet", "copy", "if_absent", "already_exists"],
      [412, "LeaseIdMissing", "overwrite", undefined, "io"],
      [409, "BlobImmutableDueToPolicy", "overwrite", undefined, "io"],
      [409, "ContainerBeingDeleted", "create", undefined, "unavailable"],
      [400, "Md5Mismatch", "put_block", undefined, "digest_mismatch"],
      [400, "InvalidMd5", "create", undefined, "digest_mismatch"],
      [400, "Crc64Mismatch", "put_block", undefined, "digest_mismatch"],
      [400, "InvalidBlockList", "create", undefined, "io"],
      [400, "InvalidUri", "create", undefined, "unsupported"],
      [413, "RequestBodyTooLarge", "create", undefined, "unsupported"],
      [401, "InvalidAuthenticationInfo", "read", undefined, "credentials"],
      [401, undefined, "read", undefined, "credentials"],
      [403, "AuthenticationFailed", "read", undefined, "credentials"],
      [403, "AuthorizationPermissionMismatch", "read", undefined, "permission"],
      [403, "AuthorizationFailure", "read", undefined, "permission"],
      [403, "KeyBasedAuthenticationNotPermitted", "read", undefined, "permission"],
      [409, "PublicAccessNotPermitted", "read", undefined, "permission"],
      [408, undefined, "create", undefined, "unavailable"],
      [429, undefined, "create", undefined, "unavailable"],
      [500, "InternalError", "create", undefined, "unavailable"],
      [500, "OperationTimedOut", "create", undefined, "unavailable"],
      [503, "ServerBusy", "create", undefined, "unavailable"],
      [504, undefined, "create", undefined, "unavailable"],
      [501, "NotImplemented", "copy", undefined, "io"],
      [507, undefined, "create", undefined, "disk_full"],
      [302, undefined, "read", undefined, "io"],
    ] as const
  ) {
    assert.equal(answer(status, code, operation, condition), kind, `${status} ${code}`);
  }
});

Deno.test("every failure of the line is told apart from one that waiting can't mend", () => {
  const url = new URL("https://account.blob.core.windows.net/c/x?sig=secret");
  for (const code of ["ECONNRESET", "EPIPE", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN"]) {
    const failure = classify(new TransportError("it broke", url, { code }));
    assert.equal(failure.kind, "unavailable");
    assert.match(failure.message ?? "", /account\.blob\.core\.windows\.net/);
    assert.doesNotMatch(failure.message ?? "", /secret/);
  }
  const unknown = classify(new TransportError("no", url, { code: "ENOTFOUND" }));
  assert.match(unknown.remedy ?? "", /azure_account_url/);
  const expired = classify(new TransportError("old", url, { code: "CERT_HAS_EXPIRED" }));
  assert.equal(expired.kind, "io");
  assert.match(expired.remedy ?? "", /clock/);
  for (
    const code of [
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ]
  ) {
    const failure = classify(new TransportError("certificate", url, { code }));
    assert.equal(failure.kind, "io");
    assert.match(failure.remedy ?? "", /ca_cert/);
  }
});

Deno.test("whatever is thrown is classified, never thrown again", () => {
  for (const thrown of [undefined, null, 7, "text", {}, new Error("x"), new DOMException("x")]) {
    assert.equal(classify(thrown).kind, "io");
  }
});
