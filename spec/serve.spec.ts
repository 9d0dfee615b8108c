import {spawn, type ChildProcessWithoutNullStreams} from 'node:child_process';
import {once} from 'node:events';
import {createServer, type AddressInfo} from 'node:net';
import {createInterface} from 'node:readline';
import {text} from 'node:stream/consumers';
import test from 'ava';

const seed = new URL('../examples/session-basics.js', import.meta.url).pathname;

/** A process that runs a program, with a way to read what it prints. */
function run(args: string[], env: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, args, {env: {...process.env, ...env}});
}

async function ended(child: ChildProcessWithoutNullStreams) {
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return {stdout, stderr, code};
}

test('it prints one line with the URL, answers there, and ends with code 0 on SIGTERM', async t => {
  const child = run([seed], {PORT: '0'});
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [, url] = /^Listening on (http:\/\/localhost:\d+)\n$/.exec(line.toString())!;
  t.regex(await (await fetch(url!)).text(), /^Your session id is: [\w-]{43}$/);
  child.kill('SIGTERM');
  t.deepEqual(await ended(child), {stdout: '', stderr: '', code: 0});
});

test('HOST and PORT say where to listen', async t => {
  const child = run([seed], {PORT: '0', HOST: '127.0.0.1'});
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  t.regex(line.toString(), /^Listening on http:\/\/127\.0\.0\.1:\d+\n$/);
  child.kill('SIGINT');
  t.is((await ended(child)).code, 0);
});

test('a port that is taken is said so, and the process ends with code 1', async t => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  const {stdout, stderr, code} = await ended(run([seed], {PORT: String(port), HOST: '127.0.0.1'}));
  server.close();
  t.deepEqual([stdout, code], ['', 1]);
  t.regex(stderr, new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 is taken\\. .* \\[PORT_TAKEN\\]\n$`));
});

test('a PORT that is no port is said so, and the process ends with code 1', async t => {
  for (const PORT of ['http', '-1', '65536', '80.5']) {
    const {stderr, code} = await ended(run([seed], {PORT}));
    t.is(code, 1);
    t.is(stderr, `PORT is "${PORT}". It must be a number from 0 to 65535. [OPTION_INVALID]\n`);
  }
});

/** A module with a site to serve. `decorated` is without TypeScript. */
const home = `
  import {Get, Resource, serve} from 'espalier';
  class Home { show() { return 'home'; } }
  Get()(Home.prototype, 'show', {});
  Resource()(Home);`;

const module = (program: string) => ['--input-type=module', '--eval', home + program];

test('what the program says of port and host comes before PORT and HOST, and two sites of a process have two ports', async t => {
  const program = `
    await serve(Home, {port: 0, host: '127.0.0.1'});
    await serve(Home, {port: 0, host: '127.0.0.2'});
    await serve(Home, {port: 0});`;
  const child = run(module(program), {PORT: '1', HOST: '127.0.0.3'});
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.3']) {
    t.regex(String((await lines.next()).value), new RegExp(`^Listening on http://${host}:\\d{3,}$`));
  }
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [0, null], 'all of them are closed');
});

test('a HOST that is none, as conda sets it, is named as a variable, with the way out', async t => {
  const {stderr, code} = await ended(run([seed], {PORT: '0', HOST: 'x86_64-conda-linux-gnu'}));
  t.is(code, 1);
  t.regex(
    stderr,
    /^Can't listen on port 0 of x86_64-conda-linux-gnu: .*\. The environment says PORT=0 and HOST=x86_64-conda-linux-gnu: what serve\(\) is given comes before\. \[LISTEN_FAILED\]\n$/,
  );
});

test('an option that serve() does not have is said so, and the process ends with code 1', async t => {
  const {stderr, code} = await ended(run(module(`await serve(Home, {prot: 80});`)));
  t.deepEqual([stderr, code], ['serve() has no option "prot". Did you mean "port"? [OPTION_INVALID]\n', 1]);
});

test('after a signal and a finished close the process ends, whatever is open, with a line that says what that is', async t => {
  const child = run(
    module(`setInterval(() => {}, 60_000); setInterval(() => {}, 60_000); await serve(Home, {port: 0});`),
  );
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  const {stdout, stderr, code} = await ended(child);
  t.deepEqual([stdout, code], ['', 0]);
  t.is(
    stderr,
    'All is closed on SIGTERM, but still open is: Timeout (2). The process ends all the same. What a service holds open is ended in its @preDestroy() method.\n',
  );
});

test('a failure to close is said, and ends the process with code 1, whatever is open', async t => {
  const child = run(
    module(`
      import {Container, preDestroy, injectable} from 'espalier';
      class Pool { end() { throw new Error('stuck'); } }
      injectable()(Pool);
      preDestroy()(Pool.prototype, 'end', {});
      const container = new Container();
      container.bind(Home).toDynamicValue(context => (context.get(Pool), new Home()));
      const {ContainerModule} = await import('espalier');
      const modules = [new ContainerModule(({bind}) => void bind(Pool).toSelf().inSingletonScope())];
      setInterval(() => {}, 60_000);
      await serve(Home, {port: 0, container, modules});`),
  );
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  const {stderr, code} = await ended(child);
  t.is(code, 1);
  t.regex(stderr, /^Closing on SIGINT failed: .*\nAll is closed on SIGINT, but still open is: Timeout\./);
});

test('close() leaves no handler of a signal behind, and a signal then ends the process as it would have before', async t => {
  const child = run(
    module(`
      for (let i = 0; i < 12; i += 1) await (await serve(Home, {port: 0})).close();
      setInterval(() => {}, 60_000);
      console.log(process.listenerCount('SIGTERM'), process.listenerCount('SIGINT'));`),
  );
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  for (let i = 0; i < 12; i += 1) await lines.next();
  t.is((await lines.next()).value, '0 0');
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [null, 'SIGTERM']);
});

test('a tree that can not be grown is said so without a stack, and the process ends with code 1', async t => {
  const program = `import {serve} from 'espalier'; class Home {} await serve(Home);`;
  const {stderr, code} = await ended(run(['--input-type=module', '--eval', program]));
  t.is(code, 1);
  t.is(stderr, 'Home: Home is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]\n');
});

test('a second signal ends the process at once, whatever is under way', async t => {
  const program = `
    import {Get, Resource, serve} from 'espalier';
    class Slow { show() { process.stdout.write('asked\\n'); return new Promise(() => {}); } }
    Get()(Slow.prototype, 'show', {});
    Resource()(Slow);
    await serve(Slow);
    process.on('SIGINT', () => process.stdout.write('closing\\n'));`;
  const child = run(['--input-type=module', '--eval', program], {PORT: '0', HOST: '127.0.0.1'});
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const url = String((await lines.next()).value).replace('Listening on ', '');
  const gone = t.throwsAsync(fetch(url));
  t.is((await lines.next()).value, 'asked');
  child.kill('SIGINT');
  t.is((await lines.next()).value, 'closing');
  child.kill('SIGINT');
  t.deepEqual(await once(child, 'exit'), [null, 'SIGINT']);
  await gone;
});
