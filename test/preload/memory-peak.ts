import { writeFileSync } from 'node:fs';

/** Loaded before a program with --import: the most memory that it held, in MB, written at its end to MEMORY_PEAK. */
process.on('exit', () => {
  const file = process.env['MEMORY_PEAK'];
  if (file !== undefined) writeFileSync(file, String(process.resourceUsage().maxRSS / 1024));
});
