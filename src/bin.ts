#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=8 --initial-old-space-size=50
import module from 'node:module';
import v8 from 'node:v8';

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
  // How far the heap may grow between full collections: a first load of any length stays near 170 MB for a few percent of CPU.
  v8.setFlagsFromString('--heap-growing-percent=60');
  // A page outlives a collection of new objects or two and is garbage then: kept among old ones, it takes full collections to go.
  v8.setFlagsFromString('--no-allocation-site-pretenuring');
  // Threads side by side collect new objects no sooner, and cost a twentieth more CPU.
  v8.setFlagsFromString('--no-parallel-scavenge');
  import('./cli/early-stop.ts')
    .then(({ stopEarly }) => {
      if (process.argv[2] === 'run') stopEarly();
      return import('./cli.ts');
    })
    .then(({ main }) => main(process.argv))
    .catch((error) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      process.exitCode = 70;
    });
}
