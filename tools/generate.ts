import { readFileSync, writeFileSync } from 'node:fs';
import { configJsonSchema } from '../src/config/schema.ts';
import { renderLayers } from './layers.ts';
import { renderSettings } from './settings-page.ts';

/** Writes what follows from the config schema, and the lint rules of the layers; with `--check` only says whether it is up to date. */
const schema = configJsonSchema();
const files = [
  { url: new URL('../config/schema.json', import.meta.url), text: `${JSON.stringify(schema, undefined, 2)}\n` },
  { url: new URL('../docs/settings.md', import.meta.url), text: renderSettings(schema) },
  { url: new URL('../biome.layers.json', import.meta.url), text: renderLayers() },
];
const checking = process.argv.includes('--check');
for (const { url, text } of files) {
  if (!checking) {
    writeFileSync(url, text);
    continue;
  }
  if (text !== readFileSync(url, 'utf8')) {
    console.error(`${url.pathname} is not up to date: run npm run generate.`);
    process.exitCode = 1;
  }
}
