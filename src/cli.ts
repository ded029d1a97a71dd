import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitCodes, reportFailure } from './cli/exit.ts';
import { guardOutput } from './cli/output.ts';
import { readPackage } from './cli/package.ts';

/** Runs one command line and sets the exit code: the verbs, their options and codes are fixed, other systems call them. */
export async function main(argv: readonly string[]): Promise<void> {
  guardOutput();
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
      return;
    }
    process.exitCode = reportFailure(error);
  }
}

/** A verb's work: resolves to its exit code. */
type Verb<Args extends unknown[]> = (...args: Args) => Promise<number>;

/** Verbs are loaded when they are called: the short ones do not pay for what the daemon needs. */
function verb<Args extends unknown[]>(load: () => Promise<Verb<Args>>): (...args: Args) => Promise<void> {
  return async (...args) => {
    const run = await load();
    process.exitCode = await run(...args);
  };
}

function createProgram(): Command {
  const program = new Command('erp-puller')
    .description('Pulls changes from ERPs without webhooks and pushes them to the Eryxon MES.')
    .version(readPackage().version)
    .exitOverride()
    .showHelpAfterError();
  addDaily(program);
  addComparing(program);
  addWatermark(withHelp(program.command('watermark').description('look at or change how far a stream has come')));
  addDeadLetters(withHelp(program.command('dead-letters').description('look at or deal with what was set aside')));
  addState(withHelp(program.command('state').description('check, back up, rebuild or restore the state')));
  addDemo(program);
  return program;
}

function withHelp(command: Command): Command {
  return command.exitOverride().showHelpAfterError();
}

const configOption = () =>
  new Option('--config <file>', 'config file (default: ./config/erp-puller.yaml, then ./erp-puller.yaml)');
const jsonOption = () => new Option('--json', 'print one JSON object');

function addDaily(program: Command): void {
  program
    .command('run')
    .description('poll and push until told to stop')
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/run.ts')).runVerb));
  program
    .command('sync')
    .description('one pass now')
    .argument('[streams...]', 'CONNECTOR or CONNECTOR/STREAM; default: all')
    .option('--full', 'read everything, whatever the watermark')
    .option('--release', 'cancel also what vanished in numbers that are otherwise withheld')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/sync.ts')).syncVerb));
  program
    .command('check')
    .description('check config, ERPs and MES; changes nothing but the day budget, where its requests count')
    .option('--offline', 'the config only: no socket is opened')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/check.ts')).checkVerb));
  program
    .command('status')
    .description('how far every stream has come')
    .option('--runs <stream>', 'the last passes of one stream, CONNECTOR/STREAM, newest first')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/status.ts')).statusVerb));
  program
    .command('health')
    .description('exit 0 when the daemon is ready, 1 when not')
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/health.ts')).healthVerb));
  program
    .command('schema')
    .description('print the JSON Schema of the config file')
    // Of no use here, but who adds it to every verb need not make an exception.
    .addOption(configOption().hideHelp())
    .action(verb(async () => (await import('./cli/schema.ts')).schemaVerb));
}

function addComparing(program: Command): void {
  program
    .command('plan')
    .description('what the next sync would send, field by field; sends and writes nothing')
    .argument('[streams...]', 'CONNECTOR or CONNECTOR/STREAM; default: all')
    .option('--full', 'as of a sync --full')
    .option('--release', 'as of a sync --release')
    .option('--all', 'name every change')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/plan.ts')).planVerb));
  program
    .command('reconcile')
    .description('compare all that the ERPs list with what the MES is known to hold, and repair it')
    .argument('[streams...]', 'CONNECTOR or CONNECTOR/STREAM; default: all')
    .option('--release', 'tell the MES also of what vanished in numbers that are otherwise withheld')
    .option('--mes', 'look also in the lists of the MES for what it has lost')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/reconcile.ts')).reconcileVerb));
}

function addWatermark(watermark: Command): void {
  const stream = ['<stream>', 'CONNECTOR/STREAM'] as const;
  watermark
    .command('get')
    .argument(...stream)
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/watermark.ts')).watermarkGet));
  watermark
    .command('set')
    .description('begin the next pass at another time, less the overlap')
    .argument(...stream)
    .argument('<value>', 'a stamp of the stream, an ISO time with Z or offset, or a day')
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/watermark.ts')).watermarkSet));
  watermark
    .command('reset')
    .description('read everything again; what the MES holds unchanged is not sent')
    .argument(...stream)
    .option('--forget', 'also forget what the MES holds: everything is sent again')
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/watermark.ts')).watermarkReset));
}

function addDeadLetters(deadLetters: Command): void {
  const which = 'a number, CONNECTOR/STREAM, or all';
  const optional = ['[which]', `${which} (default)`] as const;
  deadLetters
    .command('list')
    .argument(...optional)
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/dead-letters.ts')).deadLettersList));
  deadLetters
    .command('show')
    .argument('<id>', 'number', toId)
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/dead-letters.ts')).deadLettersShow));
  deadLetters
    .command('export')
    .description('one JSON line for each, without secrets, for a support case')
    .argument(...optional)
    .option('--json-lines <file>', 'a new file, or - for standard output', '-')
    .option('--no-payload', 'leave out what rows and records hold')
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/dead-letters.ts')).deadLettersExport));
  deadLetters
    .command('retry')
    .argument(...optional)
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/dead-letters.ts')).deadLettersRetry));
  deadLetters
    .command('drop')
    .argument('<which>', which)
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/dead-letters.ts')).deadLettersDrop));
}

function addState(state: Command): void {
  state
    .command('check')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/state.ts')).stateCheck));
  state
    .command('backup')
    .argument('<directory>', 'an empty or missing directory')
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/state.ts')).stateBackup));
  state
    .command('rebuild')
    .description("take the MES's own ids of records anew from its lists")
    .addOption(configOption())
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/state.ts')).stateRebuild));
  state
    .command('restore')
    .argument('<from>', "a backup's directory, or `previous`")
    .addOption(configOption())
    .action(verb(async () => (await import('./cli/state.ts')).stateRestore));
}

function addDemo(program: Command): void {
  program
    .command('demo')
    .description('run against simulated ERPs and a simulated Eryxon on this machine')
    .option('--records <n>', 'MES records after the first pass, at least 20 an ERP, at most 1000000', toRecords, 500)
    .option('--connector <name>', 'only this connector of the config file')
    .option('--seed <n>', 'history to play', toCount, 7)
    .option('--once', 'one full and one delta pass, then compare')
    .option('--minutes <n>', 'end after so many minutes and compare', toMinutes)
    .addOption(
      new Option('--mes <generation>', 'what the simulated Eryxon is: the documented API, or what installations run')
        .choices(['classic', 'v060', 'main', 'repaired'])
        .default('classic'),
    )
    .addOption(new Option('--faults <level>', 'faults to inject').choices(['none', 'some', 'all']).default('none'))
    .addOption(
      new Option('--config <file>', 'config file with the placeholders of config/demo.yaml (default: that file)'),
    )
    .addOption(jsonOption())
    .action(verb(async () => (await import('./cli/demo.ts')).demoVerb));
}

function toCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

function toId(text: string): number {
  return toCount(text);
}

/** Fewer would lack a record of one kind or another; more are too many for the memory, where the simulators keep them. */
function toRecords(text: string): number {
  const value = toCount(text);
  if (value < 20 || value > 1_000_000) throw new InvalidArgumentError('It must be at least 20, and at most 1000000.');
  return value;
}

function toMinutes(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0 || text.trim() === '')
    throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}
