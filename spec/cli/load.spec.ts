import {join} from 'node:path';
import test from 'ava';
import {espalier, project} from './project.ts';

const home = `
import {Get, Resource, inject, serve, SessionService} from 'espalier';

enum Colour { Green = 'green' }

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  show(): string {
    return Colour.Green;
  }
}
`;

test('TypeScript with decorators is run by what the project has for it, from any working directory', async t => {
  for (const engine of ['tsx', 'esbuild']) {
    for (const cwd of ['/', undefined]) {
      const folder = project(t, {'src/shop.ts': `${home}\nawait serve(Home);`}, [engine]);
      const {code, stdout, stderr} = await espalier(['tree', join(folder, 'src/shop.ts')], cwd ?? folder);
      t.deepEqual([code, stderr], [0, ''], engine);
      t.regex(stdout, /Home/);
    }
  }
});

test('where the project has nothing that runs TypeScript, one line says what to install', async t => {
  const folder = project(t, {'shop.ts': home}, []);
  const {code, stderr} = await espalier(['tree', 'shop.ts'], folder);
  t.is(code, 1);
  t.is(
    stderr,
    `Node does not run ${join(folder, 'shop.ts')}, which is TypeScript with decorators. Install what does: npm install -D tsx [PACKAGE_MISSING]\n`,
  );
});

test('a program calls serve, exports its root class by default, or both, and nothing after serve runs', async t => {
  const programs = [
    `${home}\nawait serve(Home);\nthrow new Error('It went on.');`,
    `${home}\nexport default Home;`,
    `${home}\nexport default Home;\nawait serve(Home, {port: 80});\nthrow new Error('It went on.');`,
    `${home}\nasync function main() { await new Promise(go => setTimeout(go, 20)); await serve(Home); }\nvoid main();`,
  ];
  for (const program of programs) {
    const folder = project(t, {'shop.ts': program});
    const {code, stdout, stderr} = await espalier(['tree', 'shop.ts'], folder);
    t.deepEqual([code, stderr], [0, '']);
    t.regex(stdout, /Home/);
  }
});

test('nothing listens, and the process ends, whatever the program has left open', async t => {
  const program = `${home}\nsetInterval(() => undefined, 1000);\nexport default Home;`;
  t.is((await espalier(['tree', 'shop.ts'], project(t, {'shop.ts': program}))).code, 0);
});

test('a program that listens by itself is told what to change', async t => {
  const program = `${home.replace('serve,', 'createSite,')}\nawait createSite(Home).listen({port: 0});`;
  const {code, stderr} = await espalier(['tree', 'shop.ts'], project(t, {'shop.ts': program}));
  t.is(code, 1);
  t.is(
    stderr,
    'shop.ts listens by itself, and does not say where its tree begins. Have it call serve(Root, options), or export its root class by default: export default Root. [PROGRAM_INVALID]\n',
  );
  const both = `${program.replace('await createSite', 'void createSite')}\nexport default Home;`;
  t.is((await espalier(['tree', 'shop.ts'], project(t, {'shop.ts': both}))).code, 0);
});

test('a program that says nothing of a root is told what to write', async t => {
  const {code, stderr} = await espalier(['tree', 'shop.ts'], project(t, {'shop.ts': home}));
  t.is(code, 1);
  t.regex(stderr, /^shop\.ts does not say what it serves\. .* \[PROGRAM_INVALID\]\n$/);
});

test('what a program prints is on stderr, so that stdout is the command’s', async t => {
  const program = `console.log('Good morning.');\n${home}\nexport default Home;`;
  const {stdout, stderr} = await espalier(['tree', 'shop.ts'], project(t, {'shop.ts': program}));
  t.is(stderr, 'Good morning.\n');
  t.notRegex(stdout, /Good morning/);
});

test('what a decorator refuses is one line, and what the program throws has its file and line', async t => {
  const misplaced = `${home.replace('@Get()', '@Get() @Get()')}\nexport default Home;`;
  const refused = await espalier(['tree', 'shop.ts'], project(t, {'shop.ts': misplaced}));
  t.is(refused.code, 1);
  t.regex(refused.stderr, /^Home has two methods for GET: .* \[VERB_TAKEN\]\n$/);
  const folder = project(t, {'shop.ts': `${home}\nthrow new Error('No database.');`});
  const failed = await espalier(['tree', 'shop.ts'], folder);
  t.is(failed.code, 1);
  t.regex(failed.stderr, /^Error: No database\.\n +at .*shop\.ts:16:7\)\n$/);
});

test('a class that is used before it is declared is told with the way out, and nothing of how modules are loaded', async t => {
  const program = `
    import {Child, Resource} from 'espalier';
    export default class Shop {}
    Child('later', Later)(Shop);
    class Later {}`;
  const {code, stderr} = await espalier(['tree', 'shop.js'], project(t, {'shop.js': program}));
  t.is(code, 1);
  t.regex(
    stderr,
    /^ReferenceError: Cannot access 'Later' before initialization\n(?: +at .*shop\.js:\d+:\d+\)?\n)+It is declared further down, .*\n$/,
  );
});

test('a program that ends by itself before it serves is said so', async t => {
  const {code, stderr} = await espalier(['tree', 'shop.js'], project(t, {'shop.js': 'process.exit(0);'}));
  t.deepEqual([code, stderr], [1, 'shop.js ended the process before it said what it serves.\n']);
});
