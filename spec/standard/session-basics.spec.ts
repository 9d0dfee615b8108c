import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import test from 'ava';

test('the first example, without experimentalDecorators, keeps a session until it is expired', async t => {
  const child = spawn(process.execPath, ['dist/examples/standard/session-basics.js'], {
    env: {...process.env, PORT: '0'},
  });
  t.teardown(() => child.kill());
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const url = /http\S+/.exec(line)![0];
  const first = await fetch(url);
  const cookie = first.headers.getSetCookie()[0]!.split(';')[0]!;
  const again = async () => (await fetch(url, {headers: {cookie}})).text();
  const shown = await first.text();
  t.regex(shown, /^Your session id is: [\w-]{43}$/);
  t.is(await again(), shown);
  t.is(await (await fetch(new URL('/expire', url), {headers: {cookie}})).text(), 'Your session has been expired.');
  t.not(await again(), shown);
});
