/**
 * The project's own lint rules: the layers of docs/design.md, kept by a machine.
 * Each rule looks only at the file's place in the repository and at what it
 * imports or names.
 */

/** Folders of `src/` from the top down; a file imports from its own layer's folder or from below. */
const LAYERS: readonly (readonly string[])[] = [
  ["commands"],
  ["report"],
  ["workflows"],
  ["checkout", "manifest", "transfer_script"],
  ["verify"],
  ["transfer"],
  ["journal"],
  ["scan"],
  ["config"],
  ["layout", "storage"],
  ["hash"],
  ["errors"],
];

/** Folders whose types any layer above the foundations may name: records that travel. */
const EVENT_TYPES = "workflows/workflow_event.ts";

/** The command that generates a synthetic site. */
const GENERATOR_COMMAND = "src/commands/testdata/generate.ts";

/** Packages and the only places that may import them. */
const HOMES: readonly { packages: RegExp; homes: RegExp; what: string }[] = [
  {
    packages: /^(npm:)?(@azure\/|@aws-sdk\/|@google-cloud\/)/,
    homes: /^drivers\//,
    what: "a storage SDK belongs in drivers/",
  },
  {
    packages: /^node:sqlite$/,
    homes: /^src\/(journal|manifest)\//,
    what: "SQL belongs in src/journal/ and src/manifest/",
  },
  {
    packages: /^(npm:)?(commander|@commander-js\/)/,
    homes: /^src\/commands\//,
    what: "the option parser belongs in src/commands/",
  },
  {
    packages: /^(npm:)?(@clack\/|fast-string-width|@logtape\/)/,
    homes: /^src\/report\//,
    what: "the terminal belongs in src/report/",
  },
];

/** Members of `Deno` and the only places that may name them. */
const MEMBERS: Readonly<Record<string, { homes: RegExp; what: string }>> = {
  exit: { homes: /^main\.ts$/, what: "Deno.exit belongs in main.ts" },
  env: {
    homes: /^main\.ts$/,
    what: "the environment is read in main.ts and passed in",
  },
  addSignalListener: {
    homes: /^main\.ts$/,
    what: "signals are handled in main.ts",
  },
  stdout: {
    homes: /^src\/report\//,
    what: "the terminal belongs in src/report/",
  },
  stderr: {
    homes: /^src\/report\//,
    what: "the terminal belongs in src/report/",
  },
  stdin: {
    homes: /^src\/report\//,
    what: "the terminal belongs in src/report/",
  },
  consoleSize: {
    homes: /^src\/report\//,
    what: "the terminal belongs in src/report/",
  },
};

/** The part of a file's path below the repository, when it is product code; else undefined. */
function productPath(filename: string): string | undefined {
  const path = filename.replaceAll("\\", "/");
  const match = /(?:^|\/)((?:src|drivers)\/.*|main\.ts)$/.exec(path);
  // One folder of commands has the name of a folder that is no product code.
  const place = path.replace("/src/commands/testdata/", "/");
  if (match === null || /\/(tests|testdata|bench|lint)\//.test(place)) {
    return undefined;
  }
  return match[1];
}

/** `src/a/b.ts` and `../c/d.ts` to `src/c/d.ts`. */
function resolve(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function layerOf(path: string): number | undefined {
  const folder = /^src\/([^/]+)\//.exec(path)?.[1];
  if (folder === undefined) return undefined;
  const layer = LAYERS.findIndex((folders) => folders.includes(folder));
  return layer === -1 ? undefined : layer;
}

/** Why `from` may not import `specifier`, or undefined when it may. */
function layerFault(
  from: string,
  specifier: string,
  typeOnly: boolean,
  dynamic: boolean,
): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = resolve(from, specifier);
  // The synthetic site is test data, which one command offers to everybody.
  if (target.startsWith("testdata/site/")) {
    return from === GENERATOR_COMMAND && dynamic
      ? undefined
      : `only ${GENERATOR_COMMAND} loads testdata/site/, by a dynamic import, not ${from}`;
  }
  if (from.startsWith("drivers/")) {
    if (target.startsWith("drivers/")) return undefined;
    if (typeOnly && target === "src/storage/driver.ts") return undefined;
    return `a driver imports only types of src/storage/driver.ts, not ${target}`;
  }
  if (from === "main.ts") return undefined;
  if (target.startsWith("drivers/")) {
    return from === "src/storage/registry.ts"
      ? undefined
      : `only src/storage/registry.ts loads drivers, not ${from}`;
  }
  // The program's name and version.
  if (target === "deno.json") return undefined;
  const own = layerOf(from);
  const other = layerOf(target);
  if (own === undefined) return `${from} lies in no layer of lint/layers.ts`;
  if (other === undefined) {
    return `${target} lies in no layer of lint/layers.ts`;
  }
  if (typeOnly && target === `src/${EVENT_TYPES}`) return undefined;
  const sameFolder = from.split("/")[1] === target.split("/")[1];
  if (sameFolder || other > own) return undefined;
  return `imports go down only: ${from} may not import ${target}`;
}

function homeFault(from: string, specifier: string): string | undefined {
  for (const { packages, homes, what } of HOMES) {
    if (packages.test(specifier) && !homes.test(from)) {
      return `${what}: ${specifier}`;
    }
  }
  return undefined;
}

/** Visits every import of a product file, static, dynamic or re-export. */
function importRule(
  fault: (
    from: string,
    specifier: string,
    typeOnly: boolean,
    dynamic: boolean,
  ) => string | undefined,
): Deno.lint.Rule {
  return {
    create(context) {
      const from = productPath(context.filename);
      if (from === undefined) return {};
      const check = (
        node: Deno.lint.Node,
        specifier: unknown,
        typeOnly: boolean,
        dynamic = false,
      ) => {
        if (typeof specifier !== "string") return;
        const message = fault(from, specifier, typeOnly, dynamic);
        if (message !== undefined) context.report({ node, message });
      };
      return {
        ImportDeclaration(node) {
          const typeOnly = node.importKind === "type" ||
            (node.specifiers.length > 0 &&
              node.specifiers.every((each) =>
                each.type === "ImportSpecifier" && each.importKind === "type"
              ));
          check(node, node.source.value, typeOnly);
        },
        ExportNamedDeclaration(node) {
          if (node.source) {
            check(node, node.source.value, node.exportKind === "type");
          }
        },
        ExportAllDeclaration(node) {
          check(node, node.source.value, node.exportKind === "type");
        },
        ImportExpression(node) {
          if (node.source.type === "Literal") {
            check(node, node.source.value, false, true);
          }
        },
      };
    },
  };
}

const plugin: Deno.lint.Plugin = {
  name: "chorus",
  rules: {
    "imports-go-down": importRule(layerFault),
    "packages-at-home": importRule((from, specifier) => homeFault(from, specifier)),
    "edges-at-home": {
      create(context) {
        const from = productPath(context.filename);
        if (from === undefined) return {};
        return {
          MemberExpression(node) {
            if (
              node.object.type !== "Identifier" ||
              node.property.type !== "Identifier"
            ) return;
            const { name } = node.property;
            if (
              node.object.name === "process" && name === "exit" &&
              from !== "main.ts"
            ) {
              context.report({ node, message: "process.exit belongs nowhere" });
            }
            if (node.object.name !== "Deno" || !Object.hasOwn(MEMBERS, name)) {
              return;
            }
            const { homes, what } = MEMBERS[name];
            if (!homes.test(from)) context.report({ node, message: what });
          },
          CallExpression(node) {
            if (
              node.callee.type === "Identifier" &&
              ["alert", "confirm", "prompt"].includes(node.callee.name) &&
              node.arguments.every((each) => each.type === "Literal") &&
              !from.startsWith("src/report/")
            ) {
              context.report({
                node,
                message: "the terminal belongs in src/report/",
              });
            }
          },
        };
      },
    },
  },
};
export default plugin;
