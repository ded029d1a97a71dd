#!/usr/bin/env -S node --max-semi-space-size=4
import module from 'node:module';

// Nothing newer than old Nodes understand before the version is known: everything else is imported behind the check.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `erp-puller needs Node.js 24 or newer; this is ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exitCode = 78;
} else {
  // Compiled code is kept in the temporary folder: nearly halves the start of a verb.
  module.enableCompileCache();
  import('./cli.ts')
    .then(({ main }) => main(process.argv))
    .catch((error) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = 70;
    });
}
