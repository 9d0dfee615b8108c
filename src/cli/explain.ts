import {STATUS_CODES} from 'node:http';
import {explain as explained, rowsOf, type Explanation} from '../resource/explain.ts';
import {inspect} from './inspect.ts';
import {aligned, paint, print, printJson} from './output.ts';
import {inputOf, plainHandler} from './tree.ts';

/** Tell why a request is answered as it is. */
export async function explain(
  file: string,
  method: string,
  path: string,
  {json}: {readonly json?: true},
): Promise<void> {
  const explanation = explained(await inspect(file), method.toUpperCase(), path);
  const {answer} = explanation;
  if (!json) return print(linesOf(explanation).join('\n'));
  printJson({...explanation, answer: {...answer, ...(answer.handler && {handler: plainHandler(answer.handler)})}});
}

function linesOf(explanation: Explanation): string[] {
  const {method, path, steps, postpath, answer} = explanation;
  const {status, reason, handler, headers = {}} = answer;
  const input = handler ? inputOf(handler) : [];
  const makers = steps.flatMap(({madeBy}) => madeBy ?? []);
  const colour = status < 300 ? 'green' : status < 400 ? 'yellow' : 'red';
  return [
    `${paint('bold', method)} ${path}`,
    '',
    ...aligned(rowsOf(explanation), ['cyan', undefined, undefined, 'dim']).map(line => `  ${line}`),
    '',
    ...(postpath.length > 0 ? [`request.postpath is ${JSON.stringify(postpath)}.`] : []),
    ...(input.length > 0 ? [`Its ${input.join(' and ')} ${input.length > 1 ? 'have' : 'has'} to fit.`] : []),
    ...makers.map(maker => `${maker} may give nothing, which is a 404.`),
    `${paint(colour, `${status} ${STATUS_CODES[status]}`)}: ${reason}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
}
