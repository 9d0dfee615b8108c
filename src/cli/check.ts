import {checkOptions, fitting} from '../options.ts';
import {serveKinds} from '../serve.ts';
import {inspectSite, siteKinds, type SiteOptions} from '../site.ts';
import {look} from './load.ts';
import {counted, paint, print, printJson, textOf} from './output.ts';
import {countsOf} from './tree.ts';

/** What is wrong with a program. */
interface Findings {
  readonly refusals: readonly unknown[];
  readonly warnings: readonly string[];
  /** What was looked at, in words. */
  readonly counts: string;
}

/** Tell all that would keep a program from being served, and what would be warned of. Gives 1 where something is refused. */
export async function check(file: string, {json}: {readonly json?: true}): Promise<number> {
  const {refusals, warnings, counts} = await findingsIn(file);
  const told = [...new Set(refusals.map(textOf))];
  if (json) printJson({refusals: told, warnings});
  else {
    for (const message of told) print(`${paint('red', '✗')} ${message}`);
    for (const message of warnings) print(`${paint('yellow', '!')} ${message}`);
    print(summary(told.length, warnings.length, counts));
  }
  return told.length > 0 ? 1 : 0;
}

async function findingsIn(file: string): Promise<Findings> {
  const refusals: unknown[] = [];
  const refuse = (error: unknown) => void refusals.push(error);
  try {
    const {Root, options} = await look(file, refuse);
    checkOptions('serve()', options, serveKinds, refuse);
    const found = inspectSite(Root, fitting<SiteOptions>(options, siteKinds));
    const counts = found.site ? countsOf(found.site.view.root) : '';
    return {refusals: [...refusals, ...found.refusals], warnings: found.warnings, counts};
  } catch (error) {
    return {refusals: [...refusals, error], warnings: [], counts: ''};
  }
}

function summary(refusals: number, warnings: number, counts: string): string {
  const warned = warnings > 0 ? `, ${counted(warnings, 'warning')}` : '';
  if (refusals === 0) return `${paint('green', 'Nothing is wrong')}: ${counts}${warned}.`;
  return `${paint('red', `${counted(refusals, 'thing')} ${refusals === 1 ? 'is' : 'are'} refused`)}${warned}.`;
}
