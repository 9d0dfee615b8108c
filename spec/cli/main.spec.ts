import {readFileSync} from 'node:fs';
import test from 'ava';
import {espalier} from './project.ts';

test('--version prints the version of the package', async t => {
  const {version} = JSON.parse(readFileSync('package.json', 'utf8')) as {version: string};
  for (const flag of ['--version', '-V']) {
    t.deepEqual(await espalier([flag]), {code: 0, stdout: `${version}\n`, stderr: ''});
  }
});

test('--help names each command, and the help of a command its options', async t => {
  const {code, stdout} = await espalier(['--help']);
  t.is(code, 0);
  t.regex(stdout, /^ {2}tree \[options\] <file> /m);
  t.is((await espalier(['help'])).stdout, stdout);
  const help = await espalier(['tree', '--help']);
  t.is(help.code, 0);
  t.regex(help.stdout, /^ {2}--json +print plain data$/m);
  t.is((await espalier(['help', 'tree'])).stdout, help.stdout);
});

test('a command line that is wrong ends with code 2, says why, and prints nothing on stdout', async t => {
  const cases: [string[], RegExp][] = [
    [[], /^Usage: espalier /],
    [['tre'], /^error: unknown command 'tre'\n\(Did you mean tree\?\)\n$/],
    [['tree'], /^error: missing required argument 'file'\n$/],
    [['tree', '--jsn', 'x.ts'], /^error: unknown option '--jsn'\n\(Did you mean --json\?\)\n$/],
    [['tree', 'nowhere.ts'], /'nowhere\.ts' is invalid for argument 'file'\. There is no such file\.\n$/],
    [['tree', '.'], /There is no such file\.\n$/],
    [['dev', '.'], /That is a folder\. To serve it, with its scripts: espalier serve \.\n$/],
  ];
  for (const [args, expected] of cases) {
    const {code, stdout, stderr} = await espalier(args);
    t.deepEqual([code, stdout], [2, ''], args.join(' '));
    t.regex(stderr, expected);
  }
});

test('help has colours on a terminal alone, or where FORCE_COLOR says so, and never where NO_COLOR does', async t => {
  const help = async (env: NodeJS.ProcessEnv) => (await espalier(['--help'], '.', env)).stdout;
  // eslint-disable-next-line no-control-regex
  const colour = /\u001b\[/;
  t.notRegex(await help({}), colour);
  t.regex(await help({FORCE_COLOR: '1'}), colour);
  t.notRegex(await help({NO_COLOR: '1'}), colour);
});
