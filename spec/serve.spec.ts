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
    process.once('SIGINT', () => process.stdout.write('closing\\n'));`;
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
