export default { name: "chorus", rules: {} } satisfies Deno.lint.Plugin;
