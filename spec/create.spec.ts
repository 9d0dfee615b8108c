import {execFile, execFileSync} from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import test, {type ExecutionContext} from 'ava';

const program = resolve('create/index.js');
const templates = ['minimal', 'site', 'api', 'auth'];

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-create-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  return folder;
}

/** Runs it in a folder, without a terminal. */
function create(cwd: string, ...args: readonly string[]): Promise<{code: number; stdout: string; stderr: string}> {
  return new Promise(settle => {
    const child = execFile(process.execPath, [program, ...args], {cwd}, (_error, stdout, stderr) =>
      settle({code: child.exitCode!, stdout, stderr}),
    );
  });
}

const filesIn = (folder: string) =>
  readdirSync(folder, {withFileTypes: true, recursive: true})
    .filter(entry => entry.isFile())
    .map(({parentPath, name}) => join(parentPath, name));

for (const template of templates) {
  test(`the template ${template} is made whole, by its name, and asks nothing where there is no terminal`, async t => {
    const folder = folderOf(t);
    const {code, stdout} = await create(folder, 'My Shop', '--template', template);
    t.is(code, 0);
    t.regex(stdout, /cd 'My Shop'\n.*npm install\n.*npm run dev/s);
    const site = join(folder, 'My Shop');
    const {name, dependencies} = JSON.parse(readFileSync(join(site, 'package.json'), 'utf8')) as {
      name: string;
      dependencies: Record<string, string>;
    };
    t.is(name, 'my-shop');
    t.regex(dependencies['espalier']!, /^\^\d/);
    t.deepEqual(
      filesIn(site).filter(file => readFileSync(file, 'utf8').includes('{{')),
      [],
    );
    const wanted = [
      '.gitignore',
      '.dockerignore',
      'AGENTS.md',
      'Dockerfile',
      'README.md',
      'tsconfig.json',
      'src/main.ts',
    ];
    for (const file of wanted) t.true(existsSync(join(site, file)), file);
    t.true(filesIn(join(site, 'spec')).some(file => file.endsWith('.spec.ts')));
    t.false(existsSync(join(site, 'node_modules')), 'Nothing is installed.');
    t.false(existsSync(join(site, '.git')));
  });
}

for (const template of templates) {
  test(`the README of the template ${template} has a row for each environment variable that the site reads`, async t => {
    const folder = folderOf(t);
    await create(folder, 'shop', '--template', template);
    const site = join(folder, 'shop');
    const source = filesIn(join(site, 'src')).map(file => readFileSync(file, 'utf8'));
    const [taken] = source.flatMap(text => /const \{(.+)\} = process\.env;/.exec(text)?.[1] ?? []);
    const named = source.flatMap(text => [...text.matchAll(/process\.env\['(\w+)'\]/g)].map(([, name]) => name!));
    const read = new Set([...named, ...(taken?.split(', ') ?? []), 'NODE_ENV', 'PORT', 'HOST']);
    const rows = readFileSync(join(site, 'README.md'), 'utf8').match(/^\| `[A-Z].*?` \|/gm)!;
    const told = rows.flatMap(row => row.match(/\w+/g)!);
    t.deepEqual(told.toSorted(), [...read].toSorted());
  });
}

test('the image lets the site write into one folder, which neither git nor another image takes along', async t => {
  const folder = folderOf(t);
  await create(folder, 'shop');
  const linesOf = (file: string) => readFileSync(join(folder, 'shop', file), 'utf8').split('\n');
  t.true(linesOf('Dockerfile').includes('RUN mkdir data && chown node data'));
  t.true(linesOf('.gitignore').includes('data'));
  t.true(linesOf('.dockerignore').includes('data'));
});

test('without a name and a template it makes a small site in my-site', async t => {
  const folder = folderOf(t);
  t.is((await create(folder)).code, 0);
  t.regex(readFileSync(join(folder, 'my-site/src/home.ts'), 'utf8'), /Visit/);
});

test('nothing that is there is written over', async t => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'shop'));
  writeFileSync(join(folder, 'shop/notes.txt'), 'mine');
  const {code, stderr} = await create(folder, 'shop');
  t.is(code, 1);
  t.regex(stderr, /shop is there already, and not empty\. Give another name\.\n$/);
  t.deepEqual(readdirSync(join(folder, 'shop')), ['notes.txt']);
});

test('a place where no folder can be made is refused in a sentence', async t => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'file'), 'mine');
  symlinkSync('nowhere', join(folder, 'dangling'));
  mkdirSync(join(folder, 'empty'));
  symlinkSync('empty', join(folder, 'link'));
  for (const [name, said] of [
    ['file', /^\/\S+\/file is there already, and is no folder\. Give another name\.\n$/],
    ['dangling', /^\/\S+\/dangling is a link\. Give another name, or the folder that it leads to\.\n$/],
    ['link', /^\/\S+\/link is a link\. Give another name, or the folder that it leads to\.\n$/],
    ['file/below', /^\/\S+\/below could not be made: ENOTDIR: [^\n]+\.\n$/],
  ] as const) {
    const {code, stderr} = await create(folder, name);
    t.is(code, 1, name);
    t.regex(stderr, said);
  }
  t.is(readFileSync(join(folder, 'file'), 'utf8'), 'mine');
  t.deepEqual(readdirSync(join(folder, 'empty')), []);
});

test('whatever is given as the version of Espalier, package.json is JSON and says so', async t => {
  const folder = folderOf(t);
  const espalier = '1","x": "file:a b\\c';
  t.is((await create(folder, 'shop', '--espalier', espalier)).code, 0);
  const {dependencies} = JSON.parse(readFileSync(join(folder, 'shop/package.json'), 'utf8')) as {dependencies: object};
  t.deepEqual(dependencies, {espalier});
});

test('the command that leads into the folder can be pasted, whatever the folder is called', async t => {
  const folder = folderOf(t);
  for (const name of ["Ada's shop", 'a $(touch b) "c"', './-x', 'plain']) {
    const {stdout} = await create(folder, name);
    const [, cd] = /^ *(cd .+)$/m.exec(stdout)!;
    t.is(execFileSync('sh', ['-c', `${cd} && pwd`], {cwd: folder, encoding: 'utf8'}), `${resolve(folder, name)}\n`);
  }
  t.false(existsSync(join(folder, 'b')));
});

test('an empty folder, and one with a git repository alone, may be the site', async t => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'shop/.git'), {recursive: true});
  const {code, stdout} = await create(join(folder, 'shop'), '.');
  t.is(code, 0);
  t.notRegex(stdout, /cd /);
  t.true(existsSync(join(folder, 'shop/src/main.ts')));
});

test('what is not understood is refused with code 2, and nothing is made', async t => {
  const folder = folderOf(t);
  for (const [args, said] of [
    [['shop', '--template', 'blog'], /^There is no template "blog"\. There are: minimal, site, api, auth\.\n/],
    [['shop', 'shed'], /^One name, please, and not shop, shed\.\n/],
    [['--tempalte', 'site'], /--tempalte/],
  ] as const) {
    const {code, stderr} = await create(folder, ...args);
    t.is(code, 2);
    t.regex(stderr, said);
    t.regex(stderr, /See: npm create espalier -- --help\n$/);
  }
  const {code, stderr} = await create(folder, '???');
  t.is(code, 1);
  t.is(stderr, '"???" has no letter or digit to name a package by.\n');
  t.deepEqual(readdirSync(folder), []);
});

test('help and version are told', async t => {
  const folder = folderOf(t);
  const {version} = JSON.parse(readFileSync('create/package.json', 'utf8')) as {version: string};
  t.is((await create(folder, '--version')).stdout, `${version}\n`);
  const {stdout} = await create(folder, '--help');
  for (const template of templates) t.regex(stdout, new RegExp(`^  ${template} `, 'm'));
});

test('create-espalier has the version of espalier, and makes sites for it', t => {
  const versionIn = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as {version: string}).version;
  t.is(versionIn('create/package.json'), versionIn('package.json'));
});
