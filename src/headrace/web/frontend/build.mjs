// Bundles src/app.ts, src/app.css and every src/pages/*.ts into the folder named on the command line. File names carry a hash of
// their content; manifest.json maps the names that templates use to them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const [out] = process.argv.slice(2);
if (!out) throw new Error("usage: node build.mjs OUTPUT_FOLDER");
mkdirSync(out, { recursive: true });

const pages = readdirSync("src/pages").filter((name) => name.endsWith(".ts")).sort();
const result = await build({
  entryPoints: ["src/app.ts", "src/app.css", "src/mark.svg", ...pages.map((name) => `src/pages/${name}`)],
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "shared-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox115", "safari16.4"],
  loader: { ".woff2": "file", ".svg": "copy" },
  legalComments: "none",
  metafile: true,
});

const manifest = {};
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  const file = basename(path);
  // "app-ABCDEFGH.css" is asked for as "app.css"; shared chunks are found by the scripts themselves, under their own names.
  const name = file.startsWith("shared-") ? file : file.replace(/-[A-Z0-9]{8}(?=\.\w+$)/, "");
  if (manifest[name]) throw new Error(`two files want to be ${name}: ${manifest[name].file}, ${file}`);
  const needs = output.imports.filter((one) => one.kind === "import-statement").map((one) => basename(one.path));
  manifest[name] = { file, needs };
}

const licences = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies).map((name) => {
  const folder = join("node_modules", name);
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name} brings no licence text`);
  return `${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), licences.join(`\n${"-".repeat(80)}\n\n`));
writeFileSync(join(out, "manifest.json"), JSON.stringify(manifest, null, 1));
