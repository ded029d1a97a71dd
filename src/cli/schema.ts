import { configJsonSchema } from '../config/schema.ts';
import { exitCodes } from './exit.ts';
import { printLine } from './output.ts';

export async function schemaVerb(): Promise<number> {
  printLine(JSON.stringify(configJsonSchema(), undefined, 2));
  return exitCodes.done;
}
