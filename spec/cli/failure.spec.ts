import {join} from 'node:path';
import test from 'ava';
import {failureOf, placeOf, tellFailure} from '../../src/cli/failure.ts';
import {project} from './project.ts';

const text = 'one\ntwo\n\tthree(\nfour\nfive\nsix\n';

test('the place of a failure is what the compiler says, Node, or the first place in the stack that is the program’s', t => {
  const file = join(project(t, {'shop.ts': text}), 'shop.ts');
  const failing = (message: string, stack = '') =>
    Object.assign(new Error(message), {stack: `Error: ${message}\n${stack}`});
  const cases: [Error, number | undefined][] = [
    [failing(`Transform failed with 1 error:\n${file}:3:6: ERROR: Unexpected end of file`), 7],
    [failing(`  x Unexpected eof\n   ,-[${file}:3:7]\n`), 7],
    [failing('Boot', `    at createSite (${process.cwd()}/src/site.ts:1:1)\n    at file://${file}:3:7`), 7],
    [failing('Boot', `    at x (${file}/../node_modules/x/x.js:1:1)\n    at Shop.three (${file}:3:7)`), 7],
    [Object.assign(new SyntaxError('Bad'), {stack: `file://${file}:3\nthree(\n\nSyntaxError: Bad`}), undefined],
  ];
  for (const [error, column] of cases) {
    const failure = failureOf(error);
    t.like(failure, {file, line: 3, column}, error.stack);
    t.regex(
      failure.frame,
      column ? /^ {2}1 \| one\n {2}2 \| two\n> 3 \| \tthree\(\n {4}\| \t {5}\^\n {2}4 \| four\n {2}5 \| five$/ : /> 3/,
    );
    t.is(placeOf(failure), [file, 3, ...(column ? [column] : [])].join(':'));
  }
});

test('a module that is not found is shown where it is imported', t => {
  const folder = project(t, {'shop.ts': `import {a} from './a.ts';\nimport {word} from './word.ts';\n`});
  const file = join(folder, 'shop.ts');
  const error = new Error(`Cannot find module '${folder}/word.ts' imported from ${file}`);
  t.like(failureOf(error), {file, line: 2, column: 23});
});

test('whatever is thrown is told, also where nobody knows the place', t => {
  t.is(tellFailure(failureOf('late')), "Thrown was 'late', which is no error.");
  const error = Object.assign(new TypeError('x is no function'), {stack: 'TypeError: x is no function'});
  t.is(tellFailure(failureOf(error)), 'TypeError: x is no function');
});
