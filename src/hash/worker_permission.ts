/**
 * False when the permission to read a worker's modules is missing: then no worker can start, and
 * its work is done in this thread.
 *
 * @param modules the worker's module, or the folder of all that it imports
 */
export function canStartWorkers(modules: URL): boolean {
  if (modules.protocol !== "file:" || Deno.build.standalone) return true;
  return Deno.permissions.querySync({ name: "read", path: modules }).state === "granted";
}
