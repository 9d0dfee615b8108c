import test from 'ava';
import {createSite, Resource} from 'espalier';
import {listenError} from '../../src/http/listen-error.ts';

@Resource()
class Home {}

/** What the system says, as Node hands it on. */
const failure = (code: string, message: string) => Object.assign(new Error(message), {code});

test('a port that this user may not open is refused with the ways out', t => {
  const {code, message} = listenError(failure('EACCES', 'listen EACCES: permission denied ::1:80'), 80, 'localhost');
  t.is(code, 'LISTEN_FAILED');
  t.regex(message, /^Can't listen on port 80 of localhost: listen EACCES: permission denied ::1:80\. Ports below 1024/);
  for (const way of ['a higher one', 'a proxy', 'cap_net_bind_service']) t.true(message.includes(way));
});

test('a name that no address goes by, and an address of another machine, are refused with what to give', async t => {
  for (const host of ['nowhere.invalid', '192.0.2.1']) {
    const error = await t.throwsAsync(createSite(Home).listen({port: 0, host}), {code: 'LISTEN_FAILED'});
    t.true(error.message.startsWith(`Can't listen on port 0 of ${host}: `));
    t.regex(error.message, /0\.0\.0\.0 is all that .* has, localhost those that only it reaches\./);
  }
});

test('a reason is told with one full stop, and is there as the cause', t => {
  const cause = failure('ERR_SOMETHING', 'It went wrong.');
  const error = listenError(cause, 80, 'localhost');
  t.is(error.message, "Can't listen on port 80 of localhost: It went wrong. [LISTEN_FAILED]");
  t.is(error.cause, cause);
});

test('a port that is taken is told as such', t => {
  t.is(
    listenError(failure('EADDRINUSE', 'in use'), 80, 'localhost').message,
    'Port 80 of localhost is taken. Stop what listens there, or choose another port (PORT=8081). [PORT_TAKEN]',
  );
});
